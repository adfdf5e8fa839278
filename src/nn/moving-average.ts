import * as tf from '@tensorflow/tfjs-core';

/** How much of the past a polynomial-decay average forgets: η of Shamir & Zhang. */
const FORGETTING = 8;

/** Moving average: average + rate (value − average). @param rate a number, or [members, 1] */
export function movingAverage(
  average: tf.Tensor2D,
  value: tf.Tensor2D,
  rate: number | tf.Tensor2D,
): tf.Tensor2D {
  return tf.add(average, tf.mul(rate, tf.sub(value, average)));
}

/**
 * The rate at update t (1 for the first) of an average that looks back over a fixed share of the training so far, the
 * last ninth, until its rate has fallen to `least`:
 *
 *   max(least, (η + 1) / (t + η)),  η = 8
 *
 * Polynomial-decay averaging (Shamir & Zhang 2013, section 4); TensorFlow's ExponentialMovingAverage does the same
 * where it is given `num_updates`. Early on it follows the fast progress, later it smooths out what an optimizer with
 * a constant step size keeps adding.
 *
 * @param least from 0 to 1
 */
export const polynomialDecayRate = (update: number, least: number): number =>
  Math.max(least, (FORGETTING + 1) / (update + FORGETTING));
