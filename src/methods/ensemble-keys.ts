import { z } from 'zod';
import { endWeightKey, nonNegative, positiveInteger } from './fields.ts';
import type { Rule } from './rules.ts';

/** Keys of an ensemble of probabilistic networks, for every method that learns one: see `EnsembleSettings`. */
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

/** What must hold between them. */
export const ensembleRules: readonly Rule<{ model: { logVariance: { min: number; max: number } } }>[] = [
  {
    keys: ['model.logVariance.min', 'model.logVariance.max'],
    holds: ({ model: { logVariance } }) => logVariance.min < logVariance.max,
    says: 'model.logVariance.min must be below model.logVariance.max',
  },
];
