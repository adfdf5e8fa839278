import { scalarCode } from '../../models/rssm/heads.ts';
import { rssmSpecs } from '../../models/rssm/model.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, trained } from '../../training/flop-counts.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import type { PlanetSettings } from './settings.ts';

/** The flops of an update's matrix products: every step of the windows passes all of the model. */
export function updateFlops(settings: PlanetSettings, spaces: AgentSpaces): UpdateFlops {
  const { model, twoHot, replay } = settings;
  const layout = new ParameterLayout(rssmSpecs(model, spaces, scalarCode(model.rewardHead, twoHot)));
  const perStep = ['encoder', 'rssm', 'decoder', 'reward', 'continue'].reduce(
    (sum, name) => sum + perRow(layout, name),
    0,
  );
  return { update: trained(replay.batch * replay.length * perStep) };
}
