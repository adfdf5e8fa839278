import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/**
 * x itself, whose gradient is multiplied by a factor: factor · x + (1 − factor) · sg(x) without its rounding.
 *
 * @param factor a number, or a constant that is broadcast over x
 */
export const scaleGradient = (x: tf.Tensor, factor: number | tf.Tensor): tf.Tensor =>
  withGradient([x], () => ({
    value: tf.clone(x),
    keep: typeof factor === 'number' ? [] : [factor],
    gradient: (dy, [kept]: tf.Tensor[]) => [tf.mul(dy, kept ?? factor)],
  }));
