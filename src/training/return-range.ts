import * as tf from '@tensorflow/tfjs-core';
import { movingAverage } from '../nn/moving-average.ts';
import { quantiles } from './returns.ts';

/** The quantile `q`, in [0, 1], of each row: [members, values] -> [members]. */
export const percentile = (x: tf.Tensor2D, q: number): tf.Tensor1D => quantiles(x, [q])[0]!;

/**
 * The range of imagined returns by which advantages are divided (Hafner et al. 2025): moving averages of a low and a
 * high quantile, each on its own,
 *
 *   low ← low + rate (P_low(R) − low)      high ← high + rate (P_high(R) − high)
 *
 * that start at 0 and are not corrected for it, so the range begins too small. What it must not fall below is the
 * caller's to say.
 *
 * @param range (low, high) so far, [members, 2]
 * @param returns R, [members, values]
 * @param low lower quantile in [0, 1]
 * @param high upper quantile in [0, 1]
 * @returns the next (low, high), [members, 2]
 */
export function movingRange(
  range: tf.Tensor2D,
  returns: tf.Tensor2D,
  rate: number,
  low = 0.05,
  high = 0.95,
): tf.Tensor2D {
  return movingAverage(range, tf.stack(quantiles(returns, [low, high]), 1) as tf.Tensor2D, rate);
}
