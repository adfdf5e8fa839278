import { z } from 'zod';
import { type Line, lineOf } from '../../training/schedule.ts';
import { fraction, imageEncoder, positive, positiveInteger, transitionKeysWith, widths } from '../fields.ts';

/** Defaults of DQN's keys that methods choose for themselves. */
interface UpdateDefaults {
  learningRate: number;
  double: boolean;
  hidden: number[];
  target: { every: number; rate: number };
  epsilon: Line;
}

/** The keys of Q, its updates and ε, for every method that learns values by DQN, whatever its transitions are of. */
export const dqnUpdateKeysWith = (defaults: UpdateDefaults) => ({
  gamma: fraction.default(0.99).describe('discount γ per environment step (Mnih et al. 2015: 0.99)'),
  learningRate: positive
    .default(defaults.learningRate)
    .describe('Adam step size (rl-zoo on CartPole-v1: 2.3e-3)'),
  gradientClip: positive.default(10).describe('largest global gradient norm (stable-baselines3: 10)'),
  loss: z
    .enum(['huber', 'squared'])
    .default('huber')
    .describe(
      "of the temporal-difference error δ: Huber's, whose slope is δ clipped to ±1 (Mnih et al. 2015), or δ² / 2",
    ),
  double: z
    .boolean()
    .default(defaults.double)
    .describe(
      'the network chooses the next action and its target values it (van Hasselt et al. 2016); off: the target does both',
    ),
  critic: z
    .strictObject({
      hidden: widths.default(defaults.hidden).describe('hidden layers of Q, with ReLU (rl-zoo: 256, 256)'),
    })
    .prefault({})
    .describe('the network Q'),
  target: z
    .strictObject({
      every: positiveInteger
        .max(1_000_000_000)
        .default(defaults.target.every)
        .describe(
          'updates between two steps of the target network (rl-zoo on CartPole-v1: every row of 128 updates)',
        ),
      rate: fraction
        .default(defaults.target.rate)
        .describe(
          'how far a step takes it towards the network: 1, a copy (Mnih et al. 2015), or less, a moving average',
        ),
    })
    .prefault({})
    .describe('the target network'),
  epsilon: lineOf(fraction, defaults.epsilon).describe(
    'share of random actions while collecting: a number, or {from, to, over} in environment steps (rl-zoo on CartPole-v1: 1 to 0.04 over 0.16 of 50,000)',
  ),
});

/** What DQN's updates go by. */
export type DqnUpdateSettings = z.infer<z.ZodObject<ReturnType<typeof dqnUpdateKeysWith>>> & {
  /** There where observations are images. */
  encoder?: z.infer<typeof imageEncoder>;
};

/**
 * DQN's own config keys. The defaults are rl-baselines3-zoo's settings for CartPole-v1, with those of
 * stable-baselines3 where it leaves them: 50,000 environment steps go with them.
 */
export const dqnSettings = z.strictObject({
  encoder: imageEncoder.describe("what images go through before Q's hidden layers"),
  ...dqnUpdateKeysWith({
    learningRate: 2.3e-3,
    double: false,
    hidden: [256, 256],
    target: { every: 128, rate: 1 },
    epsilon: { from: 1, to: 0.04, over: 8000 },
  }),
  ...transitionKeysWith({ randomSteps: 1000, updateEvery: 256, updates: 128, capacity: 100_000, batch: 64 }),
});

export type DqnSettings = z.infer<typeof dqnSettings>;
