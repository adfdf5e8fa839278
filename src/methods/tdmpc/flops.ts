import { latentNetworks } from '../../models/latent/networks.ts';
import { planFlops } from '../../planning/flops.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, perRowOf, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import type { TdmpcSettings } from './settings.ts';

/**
 * The flops of an update's matrix products.
 *
 * With B windows of H steps: the encoder is trained on B first observations and looks at B H later ones; dynamics and
 * heads are trained on B H rows. Two heads judge an action, or each choice, at B H targets and on the B (H + 1) latents
 * that the actor learns from, in a box backward to the action, too. Where a loss is kept from the latents, its gradient is
 * counted all the same.
 */
export function updateFlops(settings: TdmpcSettings, spaces: AgentSpaces): UpdateFlops {
  const { model, critic, actor, twoHot, replay } = settings;
  const networks = latentNetworks(model, critic, actor, twoHot, spaces);
  const encoder = perRow(networks.encoder, 'encoder');
  const heads = perRow(networks.criticLayout, 'critic');
  const policy = networks.actor ? perRow(networks.actor.layout, 'actor') : 0;
  const isBox = spaces.actionSpace.kind === 'box';
  const judged = (isBox ? 1 : spaces.actions) * ((2 * heads) / critic.heads);

  const windowSteps = replay.batch * replay.length;
  const alongLatents = ['dynamics', 'reward', 'termination', 'predictor'].reduce(
    (sum, name) => sum + perRow(networks.model, name),
    heads,
  );
  const observed = model.target === 'unstopped' ? trained(encoder) : encoder;
  const averaged = model.target === 'averaged' ? encoder : 0;
  const ofModel = trained(replay.batch * encoder + windowSteps * alongLatents);
  const ofTargets = windowSteps * (observed + averaged + policy + judged);
  const ofActor = (windowSteps + replay.batch) * (trained(policy) + (isBox ? 2 : 1) * judged);
  return { update: ofModel + ofTargets + (networks.actor ? ofActor : 0) };
}

/** Acting encodes what is seen and plans from there. */
export function trainingCost(settings: TdmpcSettings, spaces: AgentSpaces): TrainingCost {
  const { model: of, critic, actor: ofActor, twoHot, planner } = settings;
  const { encoder, model, criticLayout, actor } = latentNetworks(of, critic, ofActor, twoHot, spaces);
  const isBox = spaces.actionSpace.kind === 'box';
  const policy = actor && perRow(actor.layout, 'actor');
  const planned = planFlops(planner, {
    dynamics: perRow(model, 'dynamics'),
    heads: perRowOf(model, 'reward', 'termination'),
    // All heads are asked for each, whichever two then judge.
    value: (policy ?? 0) + (isBox ? 1 : spaces.actions) * perRow(criticLayout, 'critic'),
    ...(policy !== undefined && { policy }),
    actions: spaces.actions,
  });
  const parameters = encoder.size + model.size + criticLayout.size + (actor?.layout.size ?? 0);
  const action = perRow(encoder, 'encoder') + planned;
  return steadyCost(parameters, updateFlops(settings, spaces).update, action, settings);
}
