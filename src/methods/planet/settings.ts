import { z } from 'zod';
import { plannerSuits } from '../../planning/requirements.ts';
import { plannerRules, plannerSettings } from '../../planning/settings.ts';
import { fraction, nonNegative, replayKeysWith, twoHotKeys } from '../fields.ts';
import { optimizerKeys, optimizerRules, rssmKeys, rssmRules } from '../rssm-keys.ts';

/** PlaNet's own config keys. */
export const planetSettings = z.strictObject({
  model: z.strictObject(rssmKeys).prefault({}).describe('the world model'),
  twoHot: twoHotKeys,
  planner: plannerSettings.describe('how every action is searched for'),
  exploration: nonNegative
    .default(0.3)
    .describe('σ of what is added to actions while collecting, or the share of random choices (PlaNet: 0.3)'),
  optimizer: z.strictObject(optimizerKeys).prefault({}).describe('how gradients are followed'),
  policyAverage: fraction
    .default(0.001)
    .describe('least rate of the polynomial-decay average of the model, in which evaluation plans'),
  ...replayKeysWith({ randomSteps: 500, updateEvery: 3, batch: 16, length: 16 }),
});

export type PlanetSettings = z.infer<typeof planetSettings>;

/** What must hold between the keys. */
export const planetRules = [
  ...plannerRules,
  ...plannerSuits({ value: false, policy: false }),
  ...optimizerRules,
  ...rssmRules,
];
