import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/** x itself, whose gradient is multiplied by a factor: factor · x + (1 − factor) · sg(x) without its rounding. */
export const scaleGradient = (x: tf.Tensor, factor: number): tf.Tensor =>
  withGradient([x], () => ({
    value: tf.clone(x),
    keep: [],
    gradient: (dy) => [tf.mul(dy, factor)],
  }));
