import * as tf from '@tensorflow/tfjs';
import { ownKernel } from '../engine/own-kernel.ts';

const BETA1 = 0.9;
const BETA2 = 0.999;

/** First and second moments of the gradient, [members, size] each. */
export interface AdamMoments {
  mean: tf.Tensor2D;
  square: tf.Tensor2D;
}

export function zeroMoments(members: number, size: number): AdamMoments {
  return { mean: tf.zeros([members, size]), square: tf.zeros([members, size]) };
}

/** The global norm of each member's gradient: [members, size] -> [members, 1]. */
export function globalNorm(gradient: tf.Tensor2D): tf.Tensor2D {
  const own = ownKernel('GlobalNorm');
  if (own) return own({ x: gradient })[0] as tf.Tensor2D;
  return tf.sqrt(tf.sum(tf.square(gradient), 1, true));
}

/**
 * One step of Adam (Kingma & Ba 2015) over all parameters at once, after clipping each member's gradient to a
 * global norm:
 *
 *   g ← g · min(1, clip / |g|)     m ← β₁ m + (1 − β₁) g     v ← β₂ v + (1 − β₂) g²
 *   θ ← θ − α (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * @param norm |g|, [members, 1], from `globalNorm`
 * @param update t, 1 for the first step
 * @param learningRate α, [members, 1]
 * @param epsilon ε
 */
export function adam(
  parameters: tf.Tensor2D,
  gradient: tf.Tensor2D,
  norm: tf.Tensor2D,
  moments: AdamMoments,
  update: number,
  learningRate: tf.Tensor2D,
  clip: number,
  epsilon = 1e-8,
): { parameters: tf.Tensor2D; moments: AdamMoments } {
  const own = ownKernel('Adam');
  if (own) {
    const inputs = { parameters, gradient, ...moments, norm, learningRate };
    const next = own(inputs, { update, clip, beta1: BETA1, beta2: BETA2, epsilon });
    const [nextParameters, mean, square] = next as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    return { parameters: nextParameters, moments: { mean, square } };
  }
  const clipped = tf.mul(gradient, tf.minimum(1, tf.div(clip, tf.add(norm, 1e-9))));
  const mean: tf.Tensor2D = tf.add(tf.mul(moments.mean, BETA1), tf.mul(clipped, 1 - BETA1));
  const square: tf.Tensor2D = tf.add(tf.mul(moments.square, BETA2), tf.mul(tf.square(clipped), 1 - BETA2));
  const direction = tf.div(
    tf.mul(mean, 1 / (1 - BETA1 ** update)),
    tf.add(tf.sqrt(tf.mul(square, 1 / (1 - BETA2 ** update))), epsilon),
  );
  return { parameters: tf.sub(parameters, tf.mul(direction, learningRate)), moments: { mean, square } };
}

/** Exponential moving average: (1 − rate) average + rate value. */
export function movingAverage(average: tf.Tensor2D, value: tf.Tensor2D, rate: number): tf.Tensor2D {
  return tf.add(tf.mul(average, 1 - rate), tf.mul(value, rate));
}
