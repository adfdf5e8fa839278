import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import type { BoxSpace, Space } from '../envs/spaces.ts';

/** Actions as networks see them: one-hot choices from indices, int32 [members, …], or numbers in a box scaled to [−1, 1]. */
export function encodeActions(space: Space, actions: tf.Tensor): tf.Tensor {
  if (space.kind === 'discrete') return oneHot(actions, space.n);
  const { centre, halfWidth } = boxScale(space);
  return tf.div(tf.sub(actions, centre), halfWidth);
}

/** The inverse for a box: numbers in [−1, 1] -> the box's own, [members, …, dimensions]. */
export function toBox(space: BoxSpace, encoded: tf.Tensor): tf.Tensor {
  const { centre, halfWidth } = boxScale(space);
  return tf.add(centre, tf.mul(halfWidth, encoded));
}

/** The middle of a box and half its widths: [dimensions] each. */
function boxScale({ low, high }: BoxSpace): { centre: tf.Tensor1D; halfWidth: tf.Tensor1D } {
  return {
    centre: tf.tensor1d(low.map((x, i) => (x + high[i]!) / 2)),
    halfWidth: tf.tensor1d(low.map((x, i) => (high[i]! - x) / 2)),
  };
}
