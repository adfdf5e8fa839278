import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { mlp, perRow, product, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import { hasCritic, networks } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';

/**
 * The flops of an update's matrix products.
 *
 * With B windows of L steps, N starts, horizon H: the encoder sees o and o′, the decoder z and ẑ′, the continue head
 * ẑ′ and z′ (2 B L rows each); the LSTM and the reward head B L; the critic z and the predictions of states within a
 * window, B (2 L − 1), and V̄ the B L means, forward only. The roll-out takes N rows H times through actor and LSTM.
 * GradNorm differentiates the critic's loss once more, by encoder and LSTM alone.
 */
export function updateFlops(settings: VaeLstmSettings, spaces: AgentSpaces): UpdateFlops {
  const { actions } = spaces;
  const { model: layout, actor: actorLayout } = networks(settings, spaces);
  const { latent, hidden, lstm: units, continueHead } = settings.model;
  const rows = settings.replay.batch * settings.replay.length;
  const imagined = settings.imaginationStarts * settings.horizon;

  const step = (count: number) =>
    product(count, latent + actions, 4 * units) +
    product(count, units, 4 * units) +
    product(count, units, latent);
  const continues = (count: number) => (continueHead ? mlp(count, latent, ...hidden, 1) : 0);
  const critic = (count: number) =>
    hasCritic(settings) ? mlp(count, latent, ...settings.critic.hidden, 1) : 0;
  const policy = (count: number) => count * perRow(actorLayout, 'actor');
  const reward = (count: number) => product(count, latent, 1);

  const model =
    trained(2 * rows * (perRow(layout, 'encoder') + perRow(layout, 'decoder'))) +
    trained(step(rows) + reward(rows) + continues(2 * rows)) +
    trained(critic(2 * rows - settings.replay.batch)) +
    critic(rows);
  const imagination =
    policy(imagined) + step(imagined) + reward(imagined) + continues(imagined) + critic(imagined);
  const actor = trained(policy(imagined) + critic(imagined));
  const balance =
    settings.critic.balance === 'gradnorm'
      ? trained(2 * rows * perRow(layout, 'encoder') + step(rows)) +
        2 * critic(2 * rows - settings.replay.batch) +
        critic(rows)
      : 0;
  return { model, imagination, actor, update: model + imagination + actor + balance };
}

/** Encoder and actor act: q(z | o) has no memory. */
export function trainingCost(settings: VaeLstmSettings, spaces: AgentSpaces): TrainingCost {
  const { model, actor } = networks(settings, spaces);
  const action = perRow(model, 'encoder') + perRow(actor, 'actor');
  return steadyCost(model.size + actor.size, updateFlops(settings, spaces).update, action, settings);
}
