import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, perRowOf, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import { networks } from './networks.ts';
import { type DreamerSettings, reinforceShare } from './settings.ts';

/**
 * The flops of an update's matrix products.
 *
 * With B windows of L steps, dreams of H steps from the last K of each, N = B K: all of the model sees B L rows; the
 * critic on replayed states B (K − 1), with and, where it is drawn to it, without training. Dreams take N H rows through
 * policy, cell, prior and reward head, and N (H + 1) through continue head and the critic that gives the targets. Actor
 * and critic learn on N H; the critic's forward pass there is counted once, be it the targets' or the slow one's beside
 * them. Gradients through the dynamics pass dreams and heads backward, whose weights are constants: one product each.
 */
export function updateFlops(settings: DreamerSettings, spaces: AgentSpaces): UpdateFlops {
  const { replay, startsPerWindow: steps, horizon, critic, lambda } = settings;
  const { layouts } = networks(settings, spaces);
  const ofModel = (...names: string[]) => names.reduce((sum, name) => sum + perRow(layouts.model, name), 0);
  const prior = ofModel('rssm.prior');
  const step = ofModel('rssm') - ofModel('rssm.posterior');
  const heads = ofModel('reward', 'continue');
  const value = perRow(layouts.critic, 'critic');
  const policy = perRow(layouts.actor, 'actor');

  const replayed = lambda > 0 ? replay.batch * (steps - 1) : 0;
  const isDrawn = critic.slowRegulariser > 0;
  const onStates = trained(value) + (isDrawn ? value : 0);
  const onPredictions = critic.onPrediction ? onStates + trained(prior) : 0;
  const starts = replay.batch * steps;
  const dreamt = starts * horizon;

  const model =
    trained(replay.batch * replay.length * ofModel('encoder', 'rssm', 'decoder', 'reward', 'continue')) +
    replayed * (onStates + onPredictions);
  const imagination =
    dreamt * (policy + step + heads) + starts * ofModel('continue') + (dreamt + starts) * value;
  const isThrough = reinforceShare(settings, spaces.actionSpace.kind) < 1;
  const backward = isThrough ? step + heads + value : 0;
  const criticForward = isDrawn || critic.slowTarget ? 0 : -value;
  const actor = dreamt * (trained(policy + value) + criticForward + backward);
  return { model, imagination, actor, update: model + imagination + actor };
}

/** Acting follows the episode: encoder, cell and posterior, then the policy. */
export function trainingCost(settings: DreamerSettings, spaces: AgentSpaces): TrainingCost {
  const { model, critic, actor } = networks(settings, spaces).layouts;
  const followed = perRowOf(model, 'encoder', 'rssm') - perRow(model, 'rssm.prior');
  const action = followed + perRow(actor, 'actor');
  const { update } = updateFlops(settings, spaces);
  return steadyCost(model.size + critic.size + actor.size, update, action, settings);
}
