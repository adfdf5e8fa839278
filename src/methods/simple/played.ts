import { discreteLatentSpecs } from '../../models/discrete-latent/network.ts';
import { standardisationSize } from '../../models/discrete-latent/standardisation.ts';
import type { OneStepState } from '../../models/one-step-model.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import { networks } from '../ppo/networks.ts';
import type { SimpleSettings } from './settings.ts';
import { worldModel } from './world-model.ts';

/** The model, and the policy that learnt in it. */
export function playedSimple(settings: SimpleSettings, spaces: AgentSpaces): Played<OneStepState> {
  const layout = new ParameterLayout(discreteLatentSpecs(settings.model, spaces));
  const built = networks(settings.ppo, spaces);
  return {
    sizes: {
      model: layout.size,
      standardisation: standardisationSize(spaces),
      policy: built.layout.size,
    },
    model: ({ model, standardisation, policy }) =>
      worldModel(built, settings, spaces, {
        model: layout.unpack(model!),
        standardisation: standardisation!,
        policy: built.layout.unpack(policy!),
      }),
    head: { decide: (output) => built.policy.likeliest(output) },
  };
}
