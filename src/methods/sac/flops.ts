import { networks } from '../../models/soft-actor-critic/networks.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import type { SacSettings } from './settings.ts';

/**
 * The flops of an update's matrix products: actor and target critics look at o′, critics are trained on (o, a), the actor
 * on o through the critics, whose weights are constants there: one product each way.
 */
export function updateFlops(settings: SacSettings, spaces: AgentSpaces): UpdateFlops {
  const { actor, critic } = networks(settings, spaces);
  const [policy, values] = [perRow(actor, 'actor'), perRow(critic, 'critic')];
  const perTransition = policy + values + trained(values) + trained(policy) + 2 * values;
  return { update: settings.replay.batch * perTransition };
}

/** The actor alone acts. */
export function trainingCost(settings: SacSettings, spaces: AgentSpaces): TrainingCost {
  const { actor, critic } = networks(settings, spaces);
  const { update } = updateFlops(settings, spaces);
  return steadyCost(actor.size + critic.size, update, perRow(actor, 'actor'), settings);
}
