import { ensembleCost } from '../../models/ensemble/flops.ts';
import { planFlops } from '../../planning/flops.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { PetsSettings } from './settings.ts';

/** Every network is trained on rows of its own; acting is planning, each particle in one of them. */
export function trainingCost(settings: PetsSettings, spaces: AgentSpaces): TrainingCost {
  const { model, particles, planner, replay } = settings;
  const { parameters, step } = ensembleCost(model, spaces);
  // Rewards and ends come with a step.
  const planned = { dynamics: step / model.networks, heads: 0, particles, actions: spaces.actions };
  return steadyCost(parameters, replay.batch * trained(step), planFlops(planner, planned), settings);
}
