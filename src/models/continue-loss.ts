import * as tf from '@tensorflow/tfjs-core';
import { binaryCrossEntropy } from '../nn/distributions.ts';
import { memberMean } from '../training/reduce.ts';

/**
 * The mean of BCE(ĉ, 1 − terminated), in nats, in which a step that ends an episode counts `endWeight` times: where ends
 * are rare a model may otherwise never come to foresee one.
 *
 * @param logit of ĉ: [members, …, 1]
 * @param terminated a constant of the same shape
 * @param factor times which the mean is
 * @returns [members]
 */
export function continueLoss(
  logit: tf.Tensor,
  terminated: tf.Tensor,
  endWeight: number,
  factor = 1,
): tf.Tensor1D {
  const each = binaryCrossEntropy(logit, tf.sub(1, terminated));
  if (endWeight === 1) return memberMean(each, factor);
  return memberMean(tf.mul(each, tf.add(1, tf.mul(terminated, endWeight - 1))), factor);
}
