import { z } from 'zod';
import { plannerSuits } from '../../planning/requirements.ts';
import { plannerRules, plannerSettingsWith } from '../../planning/settings.ts';
import { ensembleKeys, ensembleRules } from '../ensemble-keys.ts';
import { nonNegative, positive, positiveInteger, pretrainingKey, transitionKeysWith } from '../fields.ts';
import { transitionRules } from '../rules.ts';

/** PETS's own config keys. */
export const petsSettings = z.strictObject({
  model: z.strictObject(ensembleKeys).prefault({}).describe('the ensemble of networks'),
  particles: positiveInteger
    .max(10_000)
    .default(5)
    .describe('roll-outs of the model along each plan, a multiple of model.networks (PETS: 20)'),
  propagation: z
    .enum(['ts-infinity', 'ts1'])
    .default('ts-infinity')
    .describe('a particle keeps its network to the end (ts-infinity), or gets one anew at each step (ts1)'),
  planner: plannerSettingsWith({
    horizon: 20,
    candidates: 60,
    elites: 6,
    iterations: 3,
    momentum: 0.1,
    warmStart: true,
  }).describe('how every action is searched for'),
  exploration: nonNegative
    .default(0)
    .describe('σ of what is added to actions while collecting, or the share of random choices (PETS: 0)'),
  learningRate: positive.default(1e-3).describe('step size of Adam (PETS: 1e-3)'),
  weightDecay: nonNegative
    .default(5e-5)
    .describe(
      'of half the squared weights in the loss (mbrl-lib: 5e-5; PETS: 2.5e-5 to 5e-4, from layer to layer)',
    ),
  bootstrap: z
    .boolean()
    .default(true)
    .describe('each network learns from a sample of its own, drawn with replacement (PETS); off: from all'),
  pretraining: pretrainingKey(1000),
  ...transitionKeysWith({ randomSteps: 200, updateEvery: 200, updates: 400, capacity: 50_000, batch: 200 }),
});

export type PetsSettings = z.infer<typeof petsSettings>;

/** What must hold between the keys. */
export const petsRules = [
  {
    keys: ['particles', 'model.networks'] as const,
    holds: ({ particles, model }: PetsSettings) => particles % model.networks === 0,
    says: 'particles must be a multiple of model.networks, so that all networks have as many of them',
  },
  {
    keys: ['pretraining', 'randomSteps'] as const,
    holds: ({ pretraining, randomSteps }: PetsSettings) => pretraining === 0 || randomSteps > 0,
    says: 'pretraining must be 0 where randomSteps is, because it learns from the random steps',
  },
  ...ensembleRules,
  ...plannerRules,
  ...plannerSuits({ value: false, policy: false }),
  ...transitionRules,
];
