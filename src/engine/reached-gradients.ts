import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradient of a number by tensors, undefined by each that it does not depend on, where `tf.grads` would throw.
 *
 * @param f computes the number from the tensors
 */
export function reachedGradients(
  f: () => tf.Scalar,
  tensors: readonly tf.Tensor[],
): (tf.Tensor | undefined)[] {
  const { value, grads } = tf.engine().gradients(f, [...tensors], undefined, true);
  value.dispose();
  return tensors.map((_, i) => grads[i] ?? undefined);
}
