import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { oneHot } from '../engine/one-hot.ts';
import { ownKernel } from '../engine/own-kernel.ts';

/** How the numbers of a latent are brought to one scale. */
export type LatentNorm = 'layer' | 'min-max';

/** What a variance has added, and a range is at least. */
const EPSILON = 1e-5;

/** A latent brought to one scale, over its last axis: [members, …, n], differentiable. */
export const normaliseLatent = (x: tf.Tensor, norm: LatentNorm): tf.Tensor =>
  norm === 'layer' ? standardised(x) : withinUnit(x);

/** (x − mean(x)) / √(variance(x) + 10⁻⁵): LayerNorm without gain and shift. */
function standardised(x: tf.Tensor): tf.Tensor {
  return withGradient([x], () => {
    const { value, factor } = standardisedBy(x);
    return {
      value,
      keep: [value, factor],
      // Neither a shift of x nor its length shows in the value.
      gradient: (dy, [value, factor]) => {
        const along = tf.mul(value, tf.mean(tf.mul(dy, value), -1, true));
        const across = tf.sub(dy, tf.mean(dy, -1, true));
        return [tf.mul(tf.sub(across, along), factor)];
      },
    };
  });
}

/** The value, and what deviations were multiplied by: [members, …, 1]. */
function standardisedBy(x: tf.Tensor): Record<'value' | 'factor', tf.Tensor> {
  const own = ownKernel('Standardise');
  if (own) {
    const [value, factor] = own({ x }, { epsilon: EPSILON }) as [tf.Tensor, tf.Tensor];
    return { value, factor };
  }
  const deviation = tf.sub(x, tf.mean(x, -1, true));
  const factor = tf.rsqrt(tf.add(tf.mean(tf.square(deviation), -1, true), EPSILON));
  return { value: tf.mul(deviation, factor), factor };
}

/** (x − min x) / max(max x − min x, 10⁻⁵): MuZero's scaling to [0, 1], whose gradient jumps where another number is least or largest. */
function withinUnit(x: tf.Tensor): tf.Tensor {
  return withGradient([x], () => {
    const least = tf.min(x, -1, true);
    const range = tf.sub(tf.max(x, -1, true), least);
    const divisor = tf.maximum(range, EPSILON);
    const value = tf.div(tf.sub(x, least), divisor);
    const size = x.shape.at(-1)!;
    return {
      value,
      keep: [
        value,
        divisor,
        oneHot(tf.argMin(x, -1), size),
        oneHot(tf.argMax(x, -1), size),
        tf.cast(tf.greater(range, EPSILON), 'float32'),
      ],
      // With y the value and s = 1 / divisor: ∂y/∂x = s, ∂y/∂ min = s (y − 1), ∂y/∂ max = −s y, of which a least range leaves −s for the minimum.
      gradient: (dy, [value, divisor, isLeast, isLargest, isWide]) => {
        const sum = tf.sum(dy, -1, true);
        const ofRange = tf.mul(isWide, tf.sum(tf.mul(dy, value), -1, true));
        const atEnds = tf.sub(tf.mul(isLeast, tf.sub(ofRange, sum)), tf.mul(isLargest, ofRange));
        return [tf.div(tf.add(dy, atEnds), divisor)];
      },
    };
  });
}
