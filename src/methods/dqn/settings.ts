import { z } from 'zod';
import {
  fraction,
  fractionSchedule,
  imageEncoder,
  positive,
  positiveInteger,
  transitionKeysWith,
  widths,
} from '../fields.ts';

/**
 * DQN's own config keys. The defaults are rl-baselines3-zoo's settings for CartPole-v1, with those of
 * stable-baselines3 where it leaves them: 50,000 environment steps go with them.
 */
export const dqnSettings = z.strictObject({
  gamma: fraction.default(0.99).describe('discount γ per environment step (Mnih et al. 2015: 0.99)'),
  learningRate: positive.default(2.3e-3).describe('Adam step size (rl-zoo on CartPole-v1: 2.3e-3)'),
  gradientClip: positive.default(10).describe('largest global gradient norm (stable-baselines3: 10)'),
  loss: z
    .enum(['huber', 'squared'])
    .default('huber')
    .describe(
      "of the temporal-difference error δ: Huber's, whose slope is δ clipped to ±1 (Mnih et al. 2015), or δ² / 2",
    ),
  double: z
    .boolean()
    .default(false)
    .describe(
      'the network chooses the next action and its target values it (van Hasselt et al. 2016); off: the target does both',
    ),
  encoder: imageEncoder.describe("what images go through before Q's hidden layers"),
  critic: z
    .strictObject({
      hidden: widths.default([256, 256]).describe('hidden layers of Q, with ReLU (rl-zoo: 256, 256)'),
    })
    .prefault({})
    .describe('the network Q'),
  target: z
    .strictObject({
      every: positiveInteger
        .max(1_000_000_000)
        .default(128)
        .describe(
          'updates between two steps of the target network (rl-zoo on CartPole-v1: every row of 128 updates)',
        ),
      rate: fraction
        .default(1)
        .describe(
          'how far a step takes it towards the network: 1, a copy (Mnih et al. 2015), or less, a moving average',
        ),
    })
    .prefault({})
    .describe('the target network'),
  epsilon: fractionSchedule
    .default({ from: 1, to: 0.04, over: 8000 })
    .describe(
      'share of random actions while collecting: a number, or {from, to, over} in environment steps (rl-zoo on CartPole-v1: 1 to 0.04 over 0.16 of 50,000)',
    ),
  ...transitionKeysWith({ randomSteps: 1000, updateEvery: 256, updates: 128, capacity: 100_000, batch: 64 }),
});

export type DqnSettings = z.infer<typeof dqnSettings>;
