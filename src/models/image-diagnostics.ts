import * as tf from '@tensorflow/tfjs-core';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Sequences } from '../training/replay.ts';
import { OPEN_LOOP_STEPS } from './warmed-starts.ts';

/**
 * The columns of metrics.csv of a model that decodes images, in order. None is standardised by variances: many cells never
 * change.
 */
export const IMAGE_DIAGNOSTICS = [
  'prediction_mse',
  'prediction_f1',
  'prediction_mse_own',
  'prediction_f1_own',
  ...OPEN_LOOP_STEPS.map((k) => `open_loop_mse_${k}` as const),
  ...OPEN_LOOP_STEPS.map((k) => `open_loop_f1_${k}` as const),
  'standstill_f1',
  'dream_return',
  'value_bias',
  'continue_accuracy',
] as const;

/** Images, raw units: their extents, and what a cell is divided by to lie in [0, 1]. */
interface Images extends Pick<AgentSpaces, 'observationScale'> {
  image: NonNullable<AgentSpaces['image']>;
}

/** What an agent sees, where it is images. */
export const imagesOf = ({ image, observationScale }: AgentSpaces): Images | undefined =>
  image && { image, observationScale };

/** Above which brightness a cell counts as lit. */
const lit = ({ observationScale }: Images): number => observationScale[0]! / 2;

/**
 * Of every channel how many cells are lit and predicted so, how many are predicted so and how many are lit: what F1 is made
 * of, and what of several batches may be added up.
 *
 * @param predicted [members, …, observation]
 * @param actual likewise
 * @param mask 1 where a picture counts, else 0: [members, …, 1]; default: all do
 * @returns [members, 3, channels]
 */
export function countLit(
  predicted: tf.Tensor,
  actual: tf.Tensor,
  images: Images,
  mask?: tf.Tensor,
): tf.Tensor3D {
  const members = predicted.shape[0]!;
  const channels = images.image[2];
  const areLit = (x: tf.Tensor) => tf.cast(tf.greater(x, lit(images)), 'float32');
  const [ofPredicted, ofActual] = [areLit(predicted), areLit(actual)];
  const sum = (x: tf.Tensor) => tf.sum(tf.reshape(mask ? tf.mul(x, mask) : x, [members, -1, channels]), 1);
  return tf.stack([sum(tf.mul(ofPredicted, ofActual)), sum(ofPredicted), sum(ofActual)], 1) as tf.Tensor3D;
}

/**
 * The mean over channels of F1, the harmonic mean of the shares of cells predicted lit that are, and of lit cells that were
 * predicted so:
 *
 *   F1_c = 2 hits_c / (predicted_c + lit_c)
 *
 * A channel in which nothing is lit and nothing predicted so does not count. 0 to 1: [members].
 *
 * @param counts as `countLit` gives them
 */
export function meanF1(counts: tf.Tensor3D): tf.Tensor1D {
  const [hits, predicted, lit] = tf.unstack(counts, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const both = tf.add(predicted, lit);
  const present = tf.cast(tf.greater(both, 0), 'float32');
  const f1 = tf.div(tf.mul(2, hits), tf.maximum(both, 1));
  return tf.div(tf.sum(f1, 1), tf.maximum(tf.sum(present, 1), 1));
}

/** `meanF1` of the prediction that nothing changes, over one member's sequences of images. */
export function standstillF1({ observation, nextObservation, mask }: Sequences, images: Images): number {
  const channels = images.image[2];
  const threshold = lit(images);
  const hits = new Array<number>(channels).fill(0);
  const both = new Array<number>(channels).fill(0);
  const size = observation.length / mask.length;
  for (let i = 0; i < observation.length; i++) {
    if (mask[Math.floor(i / size)] === 0) continue;
    const before = Number(observation[i]! > threshold);
    const after = Number(nextObservation[i]! > threshold);
    hits[i % channels]! += before * after;
    both[i % channels]! += before + after;
  }
  const each = both.flatMap((sum, channel) => (sum > 0 ? [(2 * hits[channel]!) / sum] : []));
  return each.reduce((sum, f1) => sum + f1, 0) / Math.max(each.length, 1);
}
