import * as tf from '@tensorflow/tfjs-core';
import { movingAverage } from '../nn/moving-average.ts';
import { quantiles } from './returns.ts';

/** Which quantiles bound the range. */
const [LOW, HIGH] = [0.05, 0.95];

/**
 * The range of imagined returns by which advantages are divided (Hafner et al. 2025): moving averages of P5 and P95,
 * each on its own,
 *
 *   low ← low + rate (P5(R) − low)      high ← high + rate (P95(R) − high)
 *
 * that start at 0 and are not corrected for it, so the range begins too small. What it must not fall below is the
 * caller's to say.
 *
 * @param range (low, high) so far, [members, 2]
 * @param returns R, [members, values]
 * @returns the next (low, high), [members, 2]
 */
export function movingRange(range: tf.Tensor2D, returns: tf.Tensor2D, rate: number): tf.Tensor2D {
  return movingAverage(range, tf.stack(quantiles(returns, [LOW, HIGH]), 1) as tf.Tensor2D, rate);
}
