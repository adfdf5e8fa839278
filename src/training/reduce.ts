import * as tf from '@tensorflow/tfjs';

/** Mean over everything but the member axis: [members, …] -> [members]. */
export function memberMean(x: tf.Tensor): tf.Tensor1D {
  return tf.mean(tf.reshape(x, [x.shape[0]!, -1]), 1);
}

/** Sum over everything but the member axis: [members, …] -> [members]. */
export function memberSum(x: tf.Tensor): tf.Tensor1D {
  return tf.sum(tf.reshape(x, [x.shape[0]!, -1]), 1);
}
