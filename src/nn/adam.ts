import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../engine/own-kernel.ts';

/** How much of its past the first moment keeps at each step. */
export const BETA1 = 0.9;
/** The same of the second. */
export const BETA2 = 0.999;

/** First and second moments of the gradient, [members, size] each. */
export interface AdamMoments {
  mean: tf.Tensor2D;
  square: tf.Tensor2D;
}

export function zeroMoments(members: number, size: number): AdamMoments {
  return { mean: tf.zeros([members, size]), square: tf.zeros([members, size]) };
}

/** What Adam's averages, which start at zero, lack of their full size after t updates; scalars on the engine. */
export interface BiasCorrection {
  /** 1 / (1 − β₁ᵗ) */
  mean: tf.Scalar;
  /** 1 / (1 − β₂ᵗ) */
  square: tf.Scalar;
}

/** The corrections of update t, 1 for the first. */
export const biasCorrection = (update: number): BiasCorrection => ({
  mean: tf.scalar(1 / (1 - BETA1 ** update)),
  square: tf.scalar(1 / (1 - BETA2 ** update)),
});

/** The global norm of each member's gradient: [members, size] -> [members, 1]. */
export function globalNorm(gradient: tf.Tensor2D): tf.Tensor2D {
  const own = ownKernel('GlobalNorm');
  if (own) return own({ x: gradient })[0] as tf.Tensor2D;
  return tf.sqrt(tf.sum(tf.square(gradient), 1, true));
}

/** A gradient of each member cut to a global norm: g · min(1, clip / |g|). @param norm |g|, [members, 1] */
export const clipToNorm = (gradient: tf.Tensor2D, norm: tf.Tensor2D, clip: number): tf.Tensor2D =>
  tf.mul(gradient, tf.minimum(1, tf.div(clip, tf.add(norm, 1e-9))));

/**
 * One step of Adam (Kingma & Ba 2015) over all parameters at once, after clipping each member's gradient to a
 * global norm:
 *
 *   g ← g · min(1, clip / |g|)     m ← β₁ m + (1 − β₁) g     v ← β₂ v + (1 − β₂) g²
 *   θ ← θ − α (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * @param norm |g|, [members, 1], from `globalNorm`
 * @param correction 1 / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ), from `biasCorrection`
 * @param learningRate α, [members, 1]
 * @param epsilon ε
 */
export function adam(
  parameters: tf.Tensor2D,
  gradient: tf.Tensor2D,
  norm: tf.Tensor2D,
  moments: AdamMoments,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
  clip: number,
  epsilon = 1e-8,
): { parameters: tf.Tensor2D; moments: AdamMoments } {
  const own = ownKernel('Adam');
  if (own) {
    const corrections = { meanCorrection: correction.mean, squareCorrection: correction.square };
    const inputs = { parameters, gradient, ...moments, norm, learningRate, ...corrections };
    const next = own(inputs, { clip, beta1: BETA1, beta2: BETA2, epsilon });
    const [nextParameters, mean, square] = next as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    return { parameters: nextParameters, moments: { mean, square } };
  }
  const clipped = clipToNorm(gradient, norm, clip);
  const mean: tf.Tensor2D = tf.add(tf.mul(moments.mean, BETA1), tf.mul(clipped, 1 - BETA1));
  const square: tf.Tensor2D = tf.add(tf.mul(moments.square, BETA2), tf.mul(tf.square(clipped), 1 - BETA2));
  const direction = tf.div(
    tf.mul(mean, correction.mean),
    tf.add(tf.sqrt(tf.mul(square, correction.square)), epsilon),
  );
  return { parameters: tf.sub(parameters, tf.mul(direction, learningRate)), moments: { mean, square } };
}
