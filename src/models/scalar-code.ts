import type * as tf from '@tensorflow/tfjs-core';

/** How the outputs of a network stand for a number. */
export interface ScalarCode {
  /** Numbers that the network gives. */
  readonly outputs: number;
  /** The expected number: [members, …, outputs] -> [members, …]. */
  mean(output: tf.Tensor): tf.Tensor;
  /** The negative log-likelihood of a number, up to a constant; numbers are constants: [members, …]. */
  loss(output: tf.Tensor, target: tf.Tensor): tf.Tensor;
}
