import { discreteLatentSpecs } from '../../models/discrete-latent/network.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, perRowOf, trained } from '../../training/flop-counts.ts';
import type { TrainingCost } from '../../training/training-cost.ts';
import { ppoCost } from '../ppo/flops.ts';
import { type SimpleSettings, updatesIn } from './settings.ts';

/**
 * The model is trained on windows of which every step is also gone through by the model alone, for the inputs that it makes
 * itself. Of a roll-out every step passes policy and model; then PPO learns from it.
 */
export function trainingCost(settings: SimpleSettings, spaces: AgentSpaces): TrainingCost {
  const { model, collect, replay, simulation } = settings;
  const layout = new ParameterLayout(discreteLatentSpecs(model, spaces));
  const ppo = ppoCost(settings.ppo, spaces);
  const steps = simulation.environments * simulation.steps;
  // An LSTM goes from bit to bit.
  const prior = (model.prior === 'lstm' ? model.bits : 1) * perRow(layout, 'prior');
  const step = perRowOf(layout, 'body', 'output', 'multiply', 'add') + prior;
  const fit = replay.batch * replay.length * (step + trained(step + perRow(layout, 'inference')));
  const rollout = steps * (ppo.action + step) + ppo.learning(steps);
  return {
    parameters: layout.size + ppo.parameters,
    flops: (run) => {
      const iterations = Math.floor(run.steps / collect);
      const fits = updatesIn(iterations, settings).model;
      return run.steps * ppo.action + fits * fit + iterations * simulation.rollouts * rollout;
    },
  };
}
