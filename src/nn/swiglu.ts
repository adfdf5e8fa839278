import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/**
 * The gated unit of a transformer's feed-forward layer, SwiGLU (Shazeer 2020), elementwise: silu(a) b with silu(a) = a σ(a).
 *
 * @param gate a: [members, …, n]
 * @param up b, of the same shape
 * @returns of the same shape; differentiable by both
 */
export function swiGlu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  return withGradient([gate, up], () => {
    const sigmoid = tf.sigmoid(gate);
    const silu = tf.mul(gate, sigmoid);
    return {
      value: tf.mul(silu, up),
      keep: [sigmoid, silu, up],
      gradient: (dy, [sigmoid, silu, up]) => {
        // d silu(a) = σ + a σ (1 − σ)
        const slope = tf.add(sigmoid, tf.mul(silu, tf.sub(1, sigmoid)));
        return [tf.mul(tf.mul(dy, up), slope), tf.mul(dy, silu)];
      },
    };
  });
}
