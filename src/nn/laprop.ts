import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../engine/own-kernel.ts';
import { type AdamMoments, BETA1, BETA2, type BiasCorrection } from './adam.ts';
import type { ParameterLayout } from './parameters.ts';

/** A parameter's norm counts as at least this, so that one that starts at zero can move. */
const LEAST_NORM = 1e-3;
/**
 * What gradients are multiplied by before they are squared. Below 1e-18 a square, averaged in, would be lost to
 * float32 where tiny numbers count as zero, and the gradient be divided by ε alone. A power of two changes nothing else.
 */
const UNIT = 2 ** 32;

/**
 * Adaptive gradient clipping (Brock et al. 2021), each parameter p of a member by its own norm:
 *
 *   g_p ← g_p · min(1, clip · max(10⁻³, |p|) / |g_p|)
 *
 * @param layout where the parameters stand in the flat vectors
 * @param parameters [members, size], as `gradient`
 * @param clip the largest gradient norm, relative to the parameter's
 */
export function adaptiveClip(
  layout: ParameterLayout,
  parameters: tf.Tensor2D,
  gradient: tf.Tensor2D,
  clip: number,
): tf.Tensor2D {
  const own = ownKernel('AdaptiveClip');
  if (own) {
    const attributes = { clip, leastNorm: LEAST_NORM, sizes: layout.sizes };
    return own({ parameters, gradient }, attributes)[0] as tf.Tensor2D;
  }
  const members = parameters.shape[0];
  // Both norms of each parameter by one sum.
  const squares = tf.square(tf.concat([parameters, gradient], 0)) as tf.Tensor2D;
  const sums = layout.pieces(squares).map((piece) => tf.sum(piece, 1, true));
  const [norms, gradientNorms] = tf.split(tf.sqrt(tf.concat(sums, 1)), [members, members], 0) as [
    tf.Tensor,
    tf.Tensor,
  ];
  const excess = tf.maximum(1, tf.div(gradientNorms, tf.mul(tf.maximum(norms, LEAST_NORM), clip)));
  const divisors = tf.split(excess, sums.length, 1);
  return tf.concat(
    layout.pieces(gradient).map((piece, i) => tf.div(piece, divisors[i]!)),
    1,
  ) as tf.Tensor2D;
}

/**
 * One step of LaProp (Ziyin et al. 2020) over all parameters at once: normalise first, average afterwards.
 *
 *   v ← β₂ v + (1 − β₂) g²      u = g / (√(v / (1 − β₂ᵗ)) + ε)
 *   m ← β₁ m + (1 − β₁) u       θ ← θ − α m / (1 − β₁ᵗ)
 *
 * However small its gradients, a parameter moves by about α at every step; one whose gradient was always 0 stays.
 *
 * @param parameters θ, [members, size]
 * @param gradient g, clipped already, of the same shape
 * @param moments m, and v in units of 2⁻⁶⁴; from `zeroMoments` at first
 * @param correction 1 / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ), from `biasCorrection`
 * @param learningRate α, [members, 1]
 * @param epsilon ε
 */
export function laprop(
  parameters: tf.Tensor2D,
  gradient: tf.Tensor2D,
  moments: AdamMoments,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
  epsilon = 1e-20,
): { parameters: tf.Tensor2D; moments: AdamMoments } {
  const own = ownKernel('LaProp');
  if (own) {
    const corrections = { meanCorrection: correction.mean, squareCorrection: correction.square };
    const inputs = { parameters, gradient, ...moments, learningRate, ...corrections };
    const next = own(inputs, { beta1: BETA1, beta2: BETA2, unit: UNIT, epsilon: UNIT * epsilon });
    const [nextParameters, mean, square] = next as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    return { parameters: nextParameters, moments: { mean, square } };
  }
  const scaled = tf.mul(gradient, UNIT);
  const square: tf.Tensor2D = tf.add(tf.mul(moments.square, BETA2), tf.mul(tf.square(scaled), 1 - BETA2));
  const root = tf.sqrt(tf.mul(square, correction.square));
  const normalised = tf.div(scaled, tf.add(root, UNIT * epsilon));
  const mean: tf.Tensor2D = tf.add(tf.mul(moments.mean, BETA1), tf.mul(normalised, 1 - BETA1));
  const step = tf.mul(tf.mul(mean, correction.mean), learningRate);
  return { parameters: tf.sub(parameters, step), moments: { mean, square } };
}
