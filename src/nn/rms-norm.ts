import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';

/** What is added to the mean square before its root. */
const EPSILON = 1e-6;

/**
 * Normalisation by the root of the mean square (Zhang & Sennrich 2019) without what comes before and after it, as a
 * transformer has it on its way into each layer and on queries and keys:
 *
 *   y = x̂ ⊙ g      x̂ = x / √(mean(x²) + 10⁻⁶), the mean over the last axis
 *
 * @param x [members, …, n]
 * @param gain g: [members, n]
 * @returns shaped as x; differentiable by both
 */
export function rmsNorm(x: tf.Tensor, gain: tf.Tensor): tf.Tensor {
  const [members, n] = [x.shape[0]!, x.shape.at(-1)!];
  const rows = tf.reshape(x, [members, x.size / (members * n), n]);
  return tf.reshape(ownNorm(rows, gain) ?? portableNorm(rows, gain), x.shape);
}

/** By the engine's own kernels; undefined where it has none. */
function ownNorm(rows: tf.Tensor, gain: tf.Tensor): tf.Tensor | undefined {
  const forward = ownKernel('RmsNorm');
  const backward = ownKernel('RmsNormGradient');
  if (!forward || !backward) return undefined;
  return withGradient([rows, gain], () => ({
    value: forward({ x: rows, gain })[0]!,
    keep: [rows, gain],
    gradient: (dy, [x, gain]) => backward({ dy, x, gain }),
  }));
}

const portableNorm = (rows: tf.Tensor, gain: tf.Tensor): tf.Tensor =>
  withGradient([rows, gain], () => {
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(rows), -1, true), EPSILON));
    const normalised = tf.mul(rows, inverse);
    const scale = tf.expandDims(gain, 1);
    return {
      value: tf.mul(normalised, scale),
      keep: [normalised, inverse, scale],
      gradient: (dy, [normalised, inverse, scale]) => {
        const d = tf.mul(dy, scale);
        const along = tf.mean(tf.mul(d, normalised), -1, true);
        return [tf.mul(inverse, tf.sub(d, tf.mul(normalised, along))), tf.sum(tf.mul(dy, normalised), 1)];
      },
    };
  });
