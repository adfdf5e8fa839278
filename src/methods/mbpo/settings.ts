import { z } from 'zod';
import { ensembleKeys, ensembleRules } from '../ensemble-keys.ts';
import {
  fraction,
  nonNegative,
  positive,
  positiveInteger,
  positiveIntegerSchedule,
  transitionKeysWith,
} from '../fields.ts';
import { transitionRules } from '../rules.ts';
import { softActorCriticKeys } from '../soft-actor-critic-keys.ts';

/** MBPO's own config keys. The defaults are its ingredients at a size that learns small tasks on a processor. */
export const mbpoSettings = z.strictObject({
  ...softActorCriticKeys,
  model: z
    .strictObject({
      ...ensembleKeys,
      elites: positiveInteger
        .max(64)
        .default(3)
        .describe('networks of least held-out error, which imagine (MBPO: 5 of 7)'),
      learningRate: positive.default(1e-3).describe('step size of Adam (MBPO: 1e-3)'),
      weightDecay: nonNegative
        .default(5e-5)
        .describe('of half the squared weights in the loss (MBPO: 2.5e-5 to 1e-4, from layer to layer)'),
    })
    .prefault({})
    .describe('the ensemble of networks'),
  fit: z
    .strictObject({
      every: positiveInteger
        .max(1_000_000)
        .default(250)
        .describe('environment steps from one fit of the model to the next (MBPO: 250)'),
      holdOut: fraction
        .gt(0)
        .lt(1)
        .default(0.2)
        .describe('share of all experience that a fit is judged by and does not learn from (MBPO: 0.2)'),
      batch: positiveInteger
        .max(65_536)
        .default(32)
        .describe('transitions per network and update (MBPO: 256, of ten times as many)'),
      improvement: nonNegative
        .default(0.01)
        .describe('share by which the held-out error of a network must fall to count (MBPO: 0.01)'),
      patience: positiveInteger
        .max(10_000)
        .default(5)
        .describe('passes over the data in a row without that, after which a fit ends (MBPO: 5)'),
      passes: positiveInteger
        .max(100_000)
        .default(200)
        .describe('passes over the data after which a fit ends all the same (MBPO: as many as it takes)'),
    })
    .prefault({})
    .describe('how the model is fitted'),
  imagination: z
    .strictObject({
      starts: positiveInteger
        .max(1_000_000)
        .default(20_000)
        .describe('real states from which a roll-out branches off after each fit (MBPO: 100,000)'),
      length: positiveIntegerSchedule
        .default(1)
        .describe('steps of each, or a line of them, rounded down (MBPO: 1, or from 1 to 15 or 25)'),
      capacity: positiveInteger
        .max(10_000_000)
        .default(80_000)
        .describe('imagined steps kept: how long ones of older models and policies are learnt from'),
    })
    .prefault({})
    .describe('what the model adds to experience'),
  realRatio: fraction
    .default(0.05)
    .describe('share of real transitions in each update of actor and critics (MBPO: 0.05)'),
  ...transitionKeysWith({ randomSteps: 500, updateEvery: 1, updates: 10, capacity: 100_000, batch: 256 }),
});

export type MbpoSettings = z.infer<typeof mbpoSettings>;

/** What must hold between the keys. */
export const mbpoRules = [
  {
    keys: ['model.elites', 'model.networks'] as const,
    holds: ({ model }: MbpoSettings) => model.elites <= model.networks,
    says: 'model.elites must not exceed model.networks, of which they are the best',
  },
  {
    keys: ['randomSteps', 'fit.holdOut', 'replay.capacity'] as const,
    holds: ({ randomSteps, replay, fit }: MbpoSettings) => {
      const held = heldOutOf(Math.min(randomSteps, replay.capacity), fit.holdOut);
      return held > 0 && held < Math.min(randomSteps, replay.capacity);
    },
    says: 'the first fit, after randomSteps, must have a transition to learn from and another to be judged by',
  },
  ...ensembleRules,
  ...transitionRules,
];

/** How many of so many transitions a fit holds out. */
export const heldOutOf = (transitions: number, share: number): number => Math.floor(transitions * share);
