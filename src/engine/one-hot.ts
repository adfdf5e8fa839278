import * as tf from '@tensorflow/tfjs-core';

/**
 * One-hot float32 vectors of int32 indices: [...] -> [..., depth]. The wasm kernel writes integers whatever dtype is
 * asked for, so the cast is our own; of one choice tfjs makes none.
 */
export function oneHot(indices: tf.Tensor, depth: number): tf.Tensor {
  if (depth === 1) return tf.ones([...indices.shape, 1]);
  return tf.cast(tf.oneHot(indices, depth), 'float32');
}
