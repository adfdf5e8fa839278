import { eliteModel } from '../../models/ensemble/elites.ts';
import type { EnsembleState } from '../../models/ensemble/model.ts';
import { ensembleModelSpecs } from '../../models/ensemble/network.ts';
import { standardisationSize } from '../../models/ensemble/standardisation.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import type { MbpoSettings } from './settings.ts';

/** The model of the elites. Its policy sees what is observed and is no verb of the model: nothing acts in it. */
export function playedMbpo({ model }: MbpoSettings, spaces: AgentSpaces): Played<EnsembleState> {
  const layout = new ParameterLayout(ensembleModelSpecs(model, spaces));
  return {
    sizes: { model: layout.size, standardisation: standardisationSize(spaces), elites: model.elites },
    model: (weights) =>
      eliteModel(
        layout,
        { model: weights.model!, standardisation: weights.standardisation!, elites: weights.elites! },
        model,
        spaces,
      ),
  };
}
