import { z } from 'zod';
import { scheduleOf } from '../training/schedule.ts';

/** The building blocks of every settings schema: one place for the ranges that recur. */

export const positiveInteger = z.int().min(1);
export const count = z.int().min(0);
export const nonNegative = z.number().min(0);
export const positive = z.number().gt(0);
/** A fraction in [0, 1]. */
export const fraction = z.number().min(0).max(1);
/** A share that leaves some of the rest, in [0, 1). */
export const share = fraction.lt(1);
/** Widths of an MLP's hidden layers. */
export const widths = z.array(positiveInteger.max(65_536)).min(1).max(8);
export const schedule = scheduleOf(nonNegative);
export const fractionSchedule = scheduleOf(fraction);
export const positiveIntegerSchedule = scheduleOf(positiveInteger);

/** Defaults of the keys of learning from replay that methods choose for themselves. */
interface CollectingDefaults {
  randomSteps: number;
  updateEvery: number;
}

/** When experience is collected at random, and when it is learnt from. */
const collectingKeys = (defaults: CollectingDefaults) => ({
  randomSteps: count
    .default(defaults.randomSteps)
    .describe('environment steps with random actions before the first update'),
  randomHold: z
    .number()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('mean environment steps for which a random action is held; 1: another one at every step'),
  updateEvery: positiveInteger
    .default(defaults.updateEvery)
    .describe('environment steps K from one update, or row of updates, to the next'),
});

const capacity = (steps: number) => positiveInteger.max(10_000_000).default(steps).describe('steps kept');
const batch = positiveInteger.max(65_536);

/** The keys of learning from replayed windows (`ReplayLearner`): spread them into the settings of a method that does. */
export const replayKeysWith = (defaults: CollectingDefaults & { batch: number; length: number }) => ({
  ...collectingKeys(defaults),
  replay: z
    .strictObject({
      capacity: capacity(50_000),
      batch: batch.default(defaults.batch).describe('windows B per update'),
      length: positiveInteger.max(4096).default(defaults.length).describe('steps L per window'),
    })
    .prefault({})
    .describe('the replay buffer'),
});

export const replayKeys = replayKeysWith({ randomSteps: 1000, updateEvery: 4, batch: 32, length: 8 });

/** Keys of a method that makes several updates in a row, beside those of learning from replay. */
export const updatesKey = (updates: number) =>
  positiveInteger.max(1_000_000).default(updates).describe('updates made in a row every `updateEvery` steps');
export const pretrainingKey = (updates: number) =>
  count
    .max(1_000_000)
    .default(updates)
    .describe('updates made in a row once the random steps are over, before the policy acts');

/** The keys of learning from single replayed transitions, several updates in a row. */
export const transitionKeysWith = (
  defaults: CollectingDefaults & { updates: number; capacity: number; batch: number },
) => ({
  ...collectingKeys(defaults),
  updates: updatesKey(defaults.updates),
  replay: z
    .strictObject({
      capacity: capacity(defaults.capacity),
      batch: batch.default(defaults.batch).describe('transitions per update'),
    })
    .prefault({})
    .describe('the replay buffer'),
});

/** Of a model that predicts ends. */
export const endWeightKey = positive
  .max(1000)
  .default(1)
  .describe("of a step that ends an episode in the continue head's loss; more where ends are rare");

const channels = positiveInteger.max(1024);
const stride = z.int().min(2).max(8).multipleOf(2).meta({ title: 'an even number from 2 to 8' });

/** What the decoder of a VAE is learnt by, of images. */
export const imageLoss = z
  .enum(['cross-entropy', 'squared'])
  .default('cross-entropy')
  .describe(
    'what a decoded image is learnt by: the cross entropy of each cell, a brightness from 0 to 1, or the squared error, whose gradient vanishes where the logistic function saturates; vectors know the latter alone',
  );

/** What images go through before a network's hidden layers. */
export const imageEncoder = z
  .strictObject({
    channels: z
      .union([channels, z.array(channels).min(1).max(6)])
      .default(16)
      .describe(
        'channels of the 3 × 3 convolution that images go through (MinAtar: 16), or a list: of several with strides; vectors have none',
      ),
    strides: z
      .union([stride, z.array(stride).min(1).max(6)])
      .default(2)
      .describe(
        'by how much each of several convolutions divides the sides of an image, its kernel being twice as large; a list, or one number for all',
      ),
  })
  .prefault({});

/** Keys of two-hot encoded numbers. */
export const twoHotKeys = z
  .strictObject({
    bins: positiveInteger
      .min(3)
      .max(1025)
      .refine((bins) => bins % 2 === 1, { error: 'must be odd, so that one bin is 0' })
      .default(63)
      .describe('bins, an odd number (v3: 255)'),
    limit: positive.max(30).default(8).describe('the outermost bins stand at ± symexp(limit) (v3: 20)'),
  })
  .prefault({})
  .describe('how rewards and values are encoded over bins');
