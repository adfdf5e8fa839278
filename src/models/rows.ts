import * as tf from '@tensorflow/tfjs-core';
import type { States } from './world-model.ts';

/** Every row several times, side by side: [members, batch, …] -> [members, batch · times, …]. */
export function repeatRows(x: tf.Tensor, times: number): tf.Tensor {
  const [members, batch, ...numbers] = x.shape as [number, number, ...number[]];
  const rows = tf.tile(tf.reshape(x, [members, batch, -1]), [1, 1, times]);
  return tf.reshape(rows, [members, batch * times, ...numbers]);
}

/** Every state several times, side by side: [members, batch, …] -> [members, batch · times, …] each. */
export const repeatStates = <State extends States>(state: State, times: number): State =>
  Object.fromEntries(Object.entries(state).map(([name, x]) => [name, repeatRows(x, times)])) as State;

/**
 * Of every row some of its candidates: [rows, candidates, …] -> [rows, count, …].
 *
 * @param indices of candidates: [rows, count], int32
 */
export function pick(candidates: tf.Tensor, indices: tf.Tensor2D): tf.Tensor {
  const [rows, each, ...numbers] = candidates.shape as [number, number, ...number[]];
  const firstOfRow = tf.tensor2d(
    Array.from({ length: rows }, (_, row) => row * each),
    [rows, 1],
    'int32',
  );
  const flat = tf.reshape(candidates, [rows * each, -1]);
  const picked = tf.gather(flat, tf.add(indices, firstOfRow));
  return tf.reshape(picked, [rows, indices.shape[1], ...numbers]);
}

/** The first of each row's plans: [rows, plans, horizon, actions] -> [rows, horizon, actions]. */
export function firstOf(plans: tf.Tensor4D): tf.Tensor3D {
  const [rows, , horizon, actions] = plans.shape;
  return tf.reshape(tf.slice(plans, [0, 0, 0, 0], [rows, 1, horizon, actions]), [rows, horizon, actions]);
}
