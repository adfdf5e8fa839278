import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import { actionValues } from './networks.ts';
import type { DqnSettings, DqnUpdateSettings } from './settings.ts';

/** The flops of an update's matrix products: Q is trained on o, Q̄ looks at o′, and so does Q where it chooses there. */
export function updateFlops(
  settings: DqnUpdateSettings & { replay: { batch: number } },
  spaces: AgentSpaces,
): UpdateFlops {
  const value = perRow(actionValues(settings, spaces).layout, 'critic');
  return { update: settings.replay.batch * (trained(value) + (settings.double ? 2 : 1) * value) };
}

/** A choice is one look at Q, a random one too. */
export function trainingCost(settings: DqnSettings, spaces: AgentSpaces): TrainingCost {
  const { layout } = actionValues(settings, spaces);
  return steadyCost(layout.size, updateFlops(settings, spaces).update, perRow(layout, 'critic'), settings);
}
