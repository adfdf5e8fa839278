import { type EnsembleState, ensembleModel } from '../../models/ensemble/model.ts';
import { ensembleModelSpecs } from '../../models/ensemble/network.ts';
import { standardisationSize } from '../../models/ensemble/standardisation.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import type { PetsSettings } from './settings.ts';

/** The model. Nothing acts in it: a search takes seconds without a fast engine. */
export function playedPets({ model }: PetsSettings, spaces: AgentSpaces): Played<EnsembleState> {
  const layout = new ParameterLayout(ensembleModelSpecs(model, spaces));
  return {
    sizes: { model: layout.size, standardisation: standardisationSize(spaces) },
    model: (weights) => ensembleModel(layout.unpack(weights.model!), weights.standardisation!, model, spaces),
  };
}
