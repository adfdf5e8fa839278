import * as tf from '@tensorflow/tfjs-core';
import { clip } from '../nn/distributions.ts';

/** Where the mean of u saturates: tanh beyond is as good as ±1. */
const MEAN_SCALE = 5;
const [LEAST_STD, LARGEST_STD] = [0.1, 1];
/** Where soft actor-critic clips log σ. */
const [LEAST_LOG_STD, LARGEST_LOG_STD] = [-20, 2];
/** Shifts the spread's logit: an actor that gives 0 has σ = 0.89. */
const STD_SHIFT = 2;
/** softplus⁻¹(5): an actor that gives 0 has σ = 5. */
const WIDE_SHIFT = Math.log(Math.expm1(5));
/** Least σ of the wide spread. */
const LEAST_WIDE_STD = 1e-4;

/** Mean μ and log σ of u, before it is squashed or clipped: [members, …, dimensions] each. */
export interface BoxGaussian {
  mean: tf.Tensor;
  logStd: tf.Tensor;
}

/** How σ is made of the network's s: bounded, 0.1 + 0.9 sigmoid(s + 2) (DreamerV3), or wide, softplus(s + softplus⁻¹(5)) + 1e-4 (Dreamer). */
export type Spread = 'bounded' | 'wide';

/**
 * The policy over a box, scaled to [−1, 1]: a = tanh(u), u ~ N(μ, σ), each dimension by itself. From the network's outputs
 * m and s
 *
 *   μ = 5 tanh(m / 5)      σ = 0.1 + 0.9 sigmoid(s + 2), bounded, or softplus(s + softplus⁻¹(5)) + 1e-4, wide
 *
 * (mean and wide spread of Dreamer, Hafner et al. 2020; the bounded spread of DreamerV3, Hafner et al. 2023). A wide one
 * starts as good as ±1 at random, and keeps exploring where the mean has gone to an end of the box.
 *
 * @param outputs [members, …, 2 · dimensions], m then s
 */
export function squashedGaussian(outputs: tf.Tensor, spread: Spread = 'bounded'): BoxGaussian {
  const [m, s] = tf.split(outputs, 2, -1) as [tf.Tensor, tf.Tensor];
  const logStd = spread === 'wide' ? logWideSpread(s) : logSpread(s);
  return { mean: tf.mul(MEAN_SCALE, tf.tanh(tf.div(m, MEAN_SCALE))), logStd };
}

/**
 * The policy of DreamerV3 over a box scaled to [−1, 1], whose actions are clipped: N(tanh(m), 0.1 + 0.9 sigmoid(s + 2)).
 *
 * @param outputs [members, …, 2 · dimensions], m then s
 */
export function boundedGaussian(outputs: tf.Tensor): BoxGaussian {
  const [m, s] = tf.split(outputs, 2, -1) as [tf.Tensor, tf.Tensor];
  return { mean: tf.tanh(m), logStd: logSpread(s) };
}

/**
 * The policy of soft actor-critic over a box scaled to [−1, 1]: a = tanh(u), u ~ N(m, exp(s)), with s within [−20, 2]
 * (Haarnoja et al. 2018).
 *
 * @param outputs [members, …, 2 · dimensions], m then s
 */
export function clampedGaussian(outputs: tf.Tensor): BoxGaussian {
  const [m, s] = tf.split(outputs, 2, -1) as [tf.Tensor, tf.Tensor];
  return { mean: m, logStd: clip(s, LEAST_LOG_STD, LARGEST_LOG_STD) };
}

/** log σ, σ from 0.1 to 1. */
function logSpread(s: tf.Tensor): tf.Tensor {
  const spread = tf.sigmoid(tf.add(s, STD_SHIFT));
  return tf.log(tf.add(LEAST_STD, tf.mul(LARGEST_STD - LEAST_STD, spread)));
}

/** log σ, σ from 1e-4 up. */
function logWideSpread(s: tf.Tensor): tf.Tensor {
  return tf.log(tf.add(tf.softplus(tf.add(s, WIDE_SHIFT)), LEAST_WIDE_STD));
}

/** u = μ + σ ε, before it is squashed or clipped: ε and u are [members, …, dimensions]. */
export function unbounded({ mean, logStd }: BoxGaussian, noise: tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(tf.exp(logStd), noise));
}
