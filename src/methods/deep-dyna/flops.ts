import { ensembleCost } from '../../models/ensemble/flops.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import { updateFlops as valueFlops } from '../dqn/flops.ts';
import { actionValues } from '../dqn/networks.ts';
import type { DeepDynaSettings } from './settings.ts';

/**
 * Q is trained on B real transitions, and where it plans so are the networks, each on B of its own; then Q again on each
 * batch that they make, B times the horizon, of which every row passes Q, that chooses, and all networks.
 */
export function trainingCost(settings: DeepDynaSettings, spaces: AgentSpaces): TrainingCost {
  const { model, replay, planningUpdates, planning } = settings;
  const { layout } = actionValues(settings, spaces);
  const value = perRow(layout, 'critic');
  const { update } = valueFlops(settings, spaces);
  if (planningUpdates === 0) return steadyCost(layout.size, update, value, settings);
  const { parameters, step } = ensembleCost(model, spaces);
  const planned = planning.horizon * (update + replay.batch * (value + step));
  return steadyCost(
    layout.size + parameters,
    update + replay.batch * trained(step) + planningUpdates * planned,
    value,
    settings,
  );
}
