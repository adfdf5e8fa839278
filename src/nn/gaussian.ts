import * as tf from '@tensorflow/tfjs-core';

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/**
 * log N(x; μ, σ) of independent dimensions, in nats: Σ −((x − μ) / σ)² / 2 − log σ − log √(2π) over the last axis.
 *
 * @param mean μ: [members, …, n]
 * @param logStd log σ, of the same shape or one that broadcasts to it
 * @param x of the same shape
 * @returns [members, …]
 */
export function normalLogProbability(mean: tf.Tensor, logStd: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const standardised = tf.mul(tf.sub(x, mean), tf.exp(tf.neg(logStd)));
  const exponent = tf.mul(-0.5, tf.square(standardised));
  return tf.sum(tf.sub(tf.sub(exponent, logStd), HALF_LOG_TWO_PI), -1);
}

/** The entropy of N(μ, σ), in nats: Σ log σ + log √(2πe) over the last axis, [members, …, n] -> [members, …]. */
export function normalEntropy(logStd: tf.Tensor): tf.Tensor {
  return tf.sum(tf.add(logStd, HALF_LOG_TWO_PI + 0.5), -1);
}

/**
 * The log-density that squashing by tanh takes away: Σ log(1 − tanh²(u)) over the last axis, as
 * 2 (log 2 − u − softplus(−2u)), which does not cancel where tanh(u) is near ±1. [members, …, n] -> [members, …].
 */
export function logTanhSlope(u: tf.Tensor): tf.Tensor {
  const softplus = tf.softplus(tf.mul(u, -2));
  return tf.sum(tf.mul(2, tf.sub(Math.LN2, tf.add(u, softplus))), -1);
}
