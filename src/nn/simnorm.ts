import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/**
 * Simplicial normalisation (Lavoie et al. 2022), as TD-MPC2 bounds its latent with: the last axis is cut into groups, each
 * of which becomes its softmax. A group sums to 1, so one of its numbers says nothing that the others do not.
 *
 * @param x [members, …, n], n a multiple of the group
 * @param group numbers per group
 * @returns shaped as x; differentiable
 */
export function simNorm(x: tf.Tensor, group: number): tf.Tensor {
  const groups = [...x.shape.slice(0, -1), x.shape.at(-1)! / group, group];
  const grouped = tf.reshape(x, groups);
  const y = withGradient([grouped], () => {
    const value = tf.softmax(grouped);
    return {
      value,
      keep: [value],
      gradient: (dy, [p]) => {
        const weighted = tf.mul(dy, p);
        return [tf.sub(weighted, tf.mul(p, tf.sum(weighted, -1, true)))];
      },
    };
  });
  return tf.reshape(y, x.shape);
}
