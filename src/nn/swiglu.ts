import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';

/**
 * The gated unit of a transformer's feed-forward layer, SwiGLU (Shazeer 2020), elementwise: silu(a) b with silu(a) = a σ(a).
 *
 * @param gate a: [members, …, n]
 * @param up b, of the same shape
 * @returns of the same shape; differentiable by both
 */
export const swiGlu = (gate: tf.Tensor, up: tf.Tensor): tf.Tensor =>
  ownUnit(gate, up) ?? portableUnit(gate, up);

/** By the engine's own kernels; undefined where it has none. */
function ownUnit(gate: tf.Tensor, up: tf.Tensor): tf.Tensor | undefined {
  const forward = ownKernel('SwiGlu');
  const backward = ownKernel('SwiGluGradient');
  if (!forward || !backward) return undefined;
  return withGradient([gate, up], () => ({
    value: forward({ gate, up })[0]!,
    keep: [gate, up],
    gradient: (dy, [gate, up]) => backward({ dy, gate, up }),
  }));
}

const portableUnit = (gate: tf.Tensor, up: tf.Tensor): tf.Tensor =>
  withGradient([gate, up], () => {
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
