import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { toHeads } from '../../nn/ensemble.ts';
import { pick } from '../rows.ts';

/** Which network of an ensemble which row of a batch follows, for one step. */
export interface Assignment {
  /** What goes into the networks: [members, batch, numbers] -> [members, networks, rows of each, numbers]. */
  toNetworks(rows: tf.Tensor): tf.Tensor;
  /** What came out of them, in the order in which the rows stood: the inverse. */
  toRows(outputs: tf.Tensor): tf.Tensor;
}

/** Every row follows all networks, and what comes is the mean of what they give. */
export const theirMean = (networks: number): Assignment => ({
  toNetworks: (rows) => toHeads(rows, networks),
  toRows: (outputs) => tf.mean(outputs, 1),
});

/**
 * Every row follows one network drawn for it.
 *
 * @param uniform [members, batch, 1] in [0, 1)
 */
export function drawnEach(networks: number, uniform: tf.Tensor): Assignment {
  const index = tf.minimum(tf.floor(tf.mul(uniform, networks)), networks - 1);
  const ofRows = oneHot(tf.cast(tf.squeeze(index, [2]), 'int32'), networks);
  const chosen = tf.expandDims(tf.transpose(ofRows, [0, 2, 1]), 3);
  return {
    toNetworks: (rows) => toHeads(rows, networks),
    toRows: (outputs) => tf.sum(tf.mul(outputs, chosen), 1),
  };
}

/**
 * TS∞ (Chua et al. 2018): of the particles that stand side by side the first follows the first network, the second the
 * second, and so on, at every step the same one. Of each plan there are a multiple of the networks.
 */
export function kept(networks: number): Assignment {
  return {
    toNetworks: (rows) => {
      const [members, batch, numbers] = rows.shape as [number, number, number];
      return tf.transpose(tf.reshape(rows, [members, batch / networks, networks, numbers]), [0, 2, 1, 3]);
    },
    toRows: (outputs) => {
      const [members, , rounds, numbers] = outputs.shape as [number, number, number, number];
      return tf.reshape(tf.transpose(outputs, [0, 2, 1, 3]), [members, rounds * networks, numbers]);
    },
  };
}

/**
 * TS1: the networks are dealt out anew among the particles of each plan, so that all have as many of them.
 *
 * @param particles of each plan, a multiple of the networks
 * @param uniform whose order deals them: [members, batch, 1]
 */
export function dealtAnew(networks: number, particles: number, uniform: tf.Tensor): Assignment {
  const [members, batch] = uniform.shape as [number, number];
  const order = (x: tf.Tensor) => tf.topk(x, particles).indices as tf.Tensor2D;
  const dealt = order(tf.reshape(uniform, [(members * batch) / particles, particles]));
  // Of a permutation's places the order that sorts it upwards: its inverse.
  const back = order(tf.neg(tf.cast(dealt, 'float32')));
  const within = (rows: tf.Tensor, indices: tf.Tensor2D) =>
    tf.reshape(pick(tf.reshape(rows, [...indices.shape, rows.shape[2]!]), indices), rows.shape);
  const inOrder = kept(networks);
  return {
    toNetworks: (rows) => inOrder.toNetworks(within(rows, dealt)),
    toRows: (outputs) => within(inOrder.toRows(outputs), back),
  };
}
