import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import type { BoxSpace, Space } from '../envs/spaces.ts';

/** Actions as networks see them: one-hot choices from indices, int32 [members, …], or numbers in a box scaled to [−1, 1]. */
export function encodeActions(space: Space, actions: tf.Tensor): tf.Tensor {
  if (space.kind === 'discrete') return oneHot(actions, space.n);
  const { centre, halfWidth } = boxScale(space);
  return tf.div(tf.sub(actions, centre), halfWidth);
}

/** One number of one action as networks see it, of actions in rows: the same as `encodeActions`, without an engine. */
export function encodedNumber(space: Space, actions: ArrayLike<number>, row: number, i: number): number {
  if (space.kind === 'discrete') return Number(actions[row] === i);
  const [low, high] = [space.low[i]!, space.high[i]!];
  return (actions[row * space.low.length + i]! - (low + high) / 2) / ((high - low) / 2);
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
