import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradient of the sum of the members' losses, one backward pass for all of them.
 *
 * @param parameters [members, size]
 * @param compute each member's loss, [members], and what is to be known of it, by name where it is there: the terms outlive the tape
 * @returns the gradient, [members, size], before clipping
 */
export function gradientOf<Terms extends Partial<Record<keyof Terms, tf.Tensor>>>(
  parameters: tf.Tensor2D,
  compute: (flat: tf.Tensor2D) => { loss: tf.Tensor1D; terms: Terms },
): { gradient: tf.Tensor2D; terms: Terms } {
  const seen: Terms[] = [];
  const { value, grad } = tf.valueAndGrad((flat) => {
    const { loss, terms } = compute(flat as tf.Tensor2D);
    for (const term of Object.values(terms) as tf.Tensor[]) tf.keep(term);
    seen.push(terms);
    return tf.sum(loss) as tf.Scalar;
  })(parameters);
  value.dispose();
  return { gradient: grad as tf.Tensor2D, terms: seen[0]! };
}
