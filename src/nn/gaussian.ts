import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/** log √(2π) */
export const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

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

/**
 * −log N(μ + σ ε; μ, σ) of the noise that it was drawn with, in nats: Σ log σ + ε² / 2 + log √(2π) over the last axis.
 *
 * @param logStd log σ: [members, …, n]
 * @param noise ε, of the same shape
 * @returns [members, …]
 */
export const surprisal = (logStd: tf.Tensor, noise: tf.Tensor): tf.Tensor =>
  tf.sum(tf.add(logStd, tf.add(tf.mul(tf.square(noise), 0.5), HALF_LOG_TWO_PI)), -1);

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

/** A normal distribution of independent dimensions: mean and standard deviation, each [members, …, n]. */
export interface Gaussian {
  mean: tf.Tensor;
  std: tf.Tensor;
}

/**
 * KL(p ‖ q) of independent dimensions, in nats, summed over the last axis, [members, …, n] -> [members, …]:
 *
 *   r = σ_p / σ_q      z = (μ_p − μ_q) / σ_q      KL = Σ (r² + z² − 1) / 2 − log r
 *
 * Differentiable by all four.
 */
export function gaussianKl(p: Gaussian, q: Gaussian): tf.Tensor {
  return withGradient([p.mean, p.std, q.mean, q.std], () => {
    const ratio = tf.div(p.std, q.std);
    const distance = tf.div(tf.sub(p.mean, q.mean), q.std);
    const squares = tf.add(tf.square(ratio), tf.square(distance));
    const kl = tf.sub(tf.mul(tf.sub(squares, 1), 0.5), tf.log(ratio));
    return {
      value: tf.sum(kl, -1),
      keep: [ratio, distance, squares, q.std],
      gradient: (dy, [ratio, distance, squares, std]) => {
        const scaled = tf.div(tf.expandDims(dy, -1), std);
        const dMean = tf.mul(scaled, distance);
        const dStd = tf.mul(scaled, tf.sub(ratio, tf.reciprocal(ratio)));
        return [dMean, dStd, tf.neg(dMean), tf.mul(scaled, tf.sub(1, squares))];
      },
    };
  });
}
