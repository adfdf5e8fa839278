import { z } from 'zod';
import { plannerSuits } from '../../planning/requirements.ts';
import { plannerRules, plannerSettingsWith } from '../../planning/settings.ts';
import {
  endWeightKey,
  nonNegative,
  positive,
  positiveInteger,
  pretrainingKey,
  transitionKeysWith,
} from '../fields.ts';
import { transitionRules } from '../rules.ts';

/** The world model's keys: see `EnsembleSettings`. */
export const ensembleKeys = {
  networks: positiveInteger.max(64).default(5).describe('networks of the ensemble (PETS: 5, MBPO: 7)'),
  layers: positiveInteger.max(8).default(3).describe('hidden layers of each network (PETS: 3 to 4, MBPO: 4)'),
  units: positiveInteger
    .max(16_384)
    .default(64)
    .describe('units of each layer (PETS: 200 to 500, MBPO: 200)'),
  logVariance: z
    .strictObject({
      min: z.number().min(-30).max(30).default(-10).describe('least log σ² to begin with (PETS: -10)'),
      max: z.number().min(-30).max(30).default(0.5).describe('largest log σ² to begin with (PETS: 0.5)'),
      learnt: z
        .boolean()
        .default(true)
        .describe('whether these bounds are learnt (PETS) or stay as they are (mbrl-lib)'),
      weight: nonNegative
        .default(0.01)
        .describe('of Σ max − Σ min in the loss, which draws learnt bounds together (PETS: 0.01)'),
    })
    .prefault({})
    .describe('the soft bounds of what the networks are unsure by'),
  continueHead: z
    .boolean()
    .default(true)
    .describe(
      'predict termination; PETS is given a termination function instead, and a reward function, neither of which is needed here',
    ),
  endWeight: endWeightKey,
};

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
    keys: ['model.logVariance.min', 'model.logVariance.max'] as const,
    holds: ({ model: { logVariance } }: PetsSettings) => logVariance.min < logVariance.max,
    says: 'model.logVariance.min must be below model.logVariance.max',
  },
  ...plannerRules,
  ...plannerSuits({ value: false, policy: false }),
  ...transitionRules,
];
