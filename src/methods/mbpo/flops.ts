import { ensembleCost } from '../../models/ensemble/flops.ts';
import { networks } from '../../models/soft-actor-critic/networks.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { TrainingCost } from '../../training/training-cost.ts';
import type { MbpoSettings } from './settings.ts';

/** Ensemble, actor and critics. What training takes nobody can tell from a config: a fit lasts as long as it helps. */
export function trainingCost(settings: MbpoSettings, spaces: AgentSpaces): TrainingCost {
  const { actor, critic } = networks(settings, spaces);
  return { parameters: ensembleCost(settings.model, spaces).parameters + actor.size + critic.size };
}
