import type { RssmState } from '../../models/rssm/dynamics.ts';
import { scalarCode } from '../../models/rssm/heads.ts';
import { rssmModel, rssmSpecs } from '../../models/rssm/model.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import type { PlanetSettings } from './settings.ts';

/** The average of the model, in which evaluation plans. Nothing acts in it: a search takes seconds without a fast engine. */
export function playedPlanet(settings: PlanetSettings, spaces: AgentSpaces): Played<RssmState> {
  const { model, twoHot } = settings;
  const reward = scalarCode(model.rewardHead, twoHot);
  const layout = new ParameterLayout(rssmSpecs(model, spaces, reward));
  return {
    sizes: { 'average.model': layout.size },
    model: (weights) => rssmModel(layout.unpack(weights['average.model']!), model, spaces, reward),
  };
}
