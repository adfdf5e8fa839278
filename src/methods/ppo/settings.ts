import { z } from 'zod';
import type { Schedule } from '../../training/schedule.ts';
import type { Course } from '../course.ts';
import {
  fraction,
  imageEncoder,
  nonNegative,
  positive,
  positiveInteger,
  schedule,
  widths,
} from '../fields.ts';
import type { Rule, RunLength } from '../rules.ts';

/** Defaults of PPO's keys that methods choose for themselves. */
interface UpdateDefaults {
  epochs: number;
  batch: number;
  gamma: number;
  gaeLambda: number;
  learningRate: Schedule;
  clipRange: Schedule;
  entropy: number;
}

/** The keys of PPO's networks and updates, for every method that improves a policy by it, whatever its roll-outs are of. */
export const ppoUpdateKeysWith = (defaults: UpdateDefaults) => ({
  epochs: positiveInteger.max(10_000).default(defaults.epochs).describe('passes over each roll-out'),
  batch: z.int().min(2).max(1_000_000).default(defaults.batch).describe('transitions per update'),
  gamma: fraction.default(defaults.gamma).describe('discount γ per environment step'),
  gaeLambda: fraction.default(defaults.gaeLambda).describe('λ of the generalised advantage'),
  learningRate: schedule
    .default(defaults.learningRate)
    .describe('Adam step size: a number, or {from, to, over} in environment steps'),
  adamEpsilon: positive.default(1e-5).describe("Adam's ε"),
  clipRange: schedule
    .default(defaults.clipRange)
    .describe('ε of the clipped ratio, [1 − ε, 1 + ε]: a number, or {from, to, over} in environment steps'),
  entropy: nonNegative.default(defaults.entropy).describe('weight of the entropy bonus'),
  valueWeight: nonNegative.default(0.5).describe("weight of the critic's squared error"),
  gradientClip: positive.default(0.5).describe('largest global gradient norm'),
  actor: z
    .strictObject({
      hidden: widths.default([64, 64]).describe('hidden layers of the actor, with tanh, of images ReLU'),
      logStd: z
        .number()
        .min(-20)
        .max(2)
        .default(0)
        .describe('log σ of the actions at first, where they are numbers in a box'),
    })
    .prefault({})
    .describe('the actor'),
  critic: z
    .strictObject({
      hidden: widths.default([64, 64]).describe('hidden layers of the critic, with tanh, of images ReLU'),
    })
    .prefault({})
    .describe('the critic'),
});

/**
 * PPO's own config keys. The defaults are rl-baselines3-zoo's settings for CartPole-v1, with those of
 * stable-baselines3 where it leaves them: 100,000 environment steps go with them.
 */
export const ppoSettings = z.strictObject({
  environments: positiveInteger
    .max(4096)
    .default(8)
    .describe('environments that each seed acts in, side by side'),
  rolloutSteps: positiveInteger.max(65_536).default(32).describe('steps per environment and roll-out'),
  normalise: z
    .boolean()
    .default(false)
    .describe('divide observations and rewards by running statistics of them'),
  encoder: imageEncoder.describe('what images go through before the hidden layers, in actor and critic each'),
  ...ppoUpdateKeysWith({
    ...{ epochs: 20, batch: 256, gamma: 0.98, gaeLambda: 0.8, entropy: 0 },
    learningRate: { from: 1e-3, to: 0, over: 100_000 },
    clipRange: { from: 0.2, to: 0, over: 100_000 },
  }),
});

/** What PPO's updates go by. */
export type PpoUpdateSettings = z.infer<z.ZodObject<ReturnType<typeof ppoUpdateKeysWith>>>;
export type PpoSettings = z.infer<typeof ppoSettings>;

/** Whole roll-outs are learnt from, each in `epochs` passes of batches. */
export function ppoCourse({
  steps,
  environments,
  rolloutSteps,
  epochs,
  batch,
}: PpoSettings & RunLength): Course {
  const rollout = environments * rolloutSteps;
  return { updates: Math.floor(steps / rollout) * epochs * (rollout / batch), leftOver: steps % rollout };
}

/** What must hold between the keys. */
export const ppoRules: readonly Rule<PpoSettings & RunLength>[] = [
  {
    keys: ['batch', 'environments', 'rolloutSteps'],
    holds: ({ batch, environments, rolloutSteps }) => (environments * rolloutSteps) % batch === 0,
    says: 'batch must divide environments × rolloutSteps, or a part of each roll-out is left over',
  },
  {
    keys: ['steps', 'environments'],
    holds: ({ steps, environments }) => steps % environments === 0,
    says: 'steps must be a multiple of environments, which take a step together',
  },
  {
    keys: ['evaluation.every', 'environments'],
    holds: ({ evaluation, environments }) => evaluation.every % environments === 0,
    says: 'evaluation.every must be a multiple of environments, which take a step together',
  },
  {
    keys: ['steps', 'environments', 'rolloutSteps'],
    holds: ({ steps, environments, rolloutSteps }) => steps >= environments * rolloutSteps,
    says: 'steps must be at least environments × rolloutSteps, one roll-out, or nothing is learnt',
  },
];
