import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../../engine/custom-gradient.ts';
import { linear } from '../../nn/linear.ts';
import type { Parameters } from '../../nn/parameters.ts';

/** The bits that numbers stand for: 1 where they are positive, else −1. */
export const signBits = (x: tf.Tensor): tf.Tensor =>
  tf.sub(tf.mul(tf.cast(tf.greater(x, 0), 'float32'), 2), 1);

/** The bits that are −1 with this probability, by uniform noise: of the same shape. */
export const randomBits = (noise: tf.Tensor, negative: tf.Tensor | number): tf.Tensor =>
  signBits(tf.sub(noise, negative));

/**
 * Bits through which gradients pass straight (Kaiser et al. 2020):
 *
 *   t = tanh(x)      b = sign(t) flip, or the one that stands in its place      ∂b / ∂x = flip (1 − t²)
 *
 * @param x [members, …, bits]
 * @param flip −1 where a bit is flipped, else 1: of the same shape
 * @param others bits that may stand in their place, where `replaced` is 1
 */
export function straightThroughBits(
  x: tf.Tensor,
  flip: tf.Tensor,
  others?: { bits: tf.Tensor; replaced: tf.Tensor },
): tf.Tensor {
  return withGradient([x], () => {
    const own = tf.mul(signBits(x), flip);
    const value = others ? tf.where(tf.cast(others.replaced, 'bool'), others.bits, own) : own;
    return {
      value,
      keep: [x, flip],
      gradient: (dy, [x, flip]) => [tf.mul(tf.mul(dy, flip), tf.sub(1, tf.square(tf.tanh(x))))],
    };
  });
}

/**
 * What bits make of a layer's values (Kaiser et al. 2020): y σ(b W_m) + b W_a, both with a bias.
 *
 * @param y [members, rows, units]
 * @param bits [members, rows, bits]
 */
export const inject = (parameters: Parameters, y: tf.Tensor, bits: tf.Tensor): tf.Tensor =>
  tf.add(tf.mul(y, tf.sigmoid(linear(parameters, 'multiply', bits))), linear(parameters, 'add', bits));
