import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../engine/custom-gradient.ts';

/** Mean over everything but the member axis: [members, …] -> [members]. */
export function memberMean(x: tf.Tensor): tf.Tensor1D {
  const { shape } = x;
  return withGradient([x], () => ({
    value: tf.mean(tf.reshape(x, [shape[0]!, -1]), 1) as tf.Tensor1D,
    keep: [],
    gradient: (dy) => [tf.mul(perMember(tf.mul(dy, dy.size / x.size), shape.length), tf.ones(shape))],
  }));
}

/**
 * Mean over everything but the member axis of w (x − y)²: [members, …] -> [members].
 *
 * @param weight w, a constant of the same shape; 1 if omitted
 */
export function meanSquaredError(x: tf.Tensor, y: tf.Tensor, weight?: tf.Tensor): tf.Tensor1D {
  return withGradient([x, y], () => {
    const error = tf.sub(x, y);
    const weighted = weight ? tf.mul(weight, error) : error;
    return {
      value: memberMean(tf.mul(weighted, error)),
      keep: [weighted],
      gradient: (dy, [weighted]) => {
        const factor = perMember(tf.mul(dy, (2 * dy.size) / weighted.size), weighted.rank);
        const dx = tf.mul(factor, weighted);
        return [dx, tf.neg(dx)];
      },
    };
  });
}

/** Sum over everything but the member axis: [members, …] -> [members]. */
export function memberSum(x: tf.Tensor): tf.Tensor1D {
  return tf.sum(tf.reshape(x, [x.shape[0]!, -1]), 1);
}

/** [members] -> [members, 1, …] of so many dimensions. */
const perMember = (x: tf.Tensor, rank: number) => tf.reshape(x, [x.size, ...Array(rank - 1).fill(1)]);
