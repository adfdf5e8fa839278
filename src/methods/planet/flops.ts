import { scalarCode } from '../../models/rssm/heads.ts';
import { rssmSpecs } from '../../models/rssm/model.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { planFlops } from '../../planning/flops.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, perRowOf, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import type { PlanetSettings } from './settings.ts';

/** The flops of an update's matrix products: every step of the windows passes all of the model. */
export function updateFlops(settings: PlanetSettings, spaces: AgentSpaces): UpdateFlops {
  const { replay } = settings;
  const perStep = perRowOf(layoutOf(settings, spaces), 'encoder', 'rssm', 'decoder', 'reward', 'continue');
  return { update: trained(replay.batch * replay.length * perStep) };
}

const layoutOf = ({ model, twoHot }: PlanetSettings, spaces: AgentSpaces) =>
  new ParameterLayout(rssmSpecs(model, spaces, scalarCode(model.rewardHead, twoHot)));

/** Acting follows the episode, encoder, cell and posterior, and plans by cell, prior and heads. */
export function trainingCost(settings: PlanetSettings, spaces: AgentSpaces): TrainingCost {
  const layout = layoutOf(settings, spaces);
  const [encoder, rssm, prior, posterior] = ['encoder', 'rssm', 'rssm.prior', 'rssm.posterior'].map((name) =>
    perRow(layout, name),
  ) as [number, number, number, number];
  const planned = planFlops(settings.planner, {
    dynamics: rssm - posterior,
    heads: perRowOf(layout, 'reward', 'continue'),
    actions: spaces.actions,
  });
  const action = encoder + rssm - prior + planned;
  return steadyCost(layout.size, updateFlops(settings, spaces).update, action, settings);
}
