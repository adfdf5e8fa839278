import * as tf from '@tensorflow/tfjs-core';
import type { Space } from '../envs/spaces.ts';
import { clip } from '../nn/distributions.ts';
import { gaussianKl, normalLogProbability } from '../nn/gaussian.ts';
import { boundedGaussian, unbounded } from './box-gaussian.ts';
import type { PolicyHead } from './policy-head.ts';

/**
 * log π(a) of a `PolicyHead` that is plain over choices and clipped in a box, in nats: of the softmax, or of
 * N(tanh(m), σ) before it is clipped to [−1, 1].
 *
 * @param output the policy's: [members, …, outputs]
 * @param action one-hot, or numbers: [members, …, actions]
 * @returns [members, …]; differentiable by the output
 */
export function policyLogProbability(space: Space, output: tf.Tensor, action: tf.Tensor): tf.Tensor {
  if (space.kind === 'discrete') return tf.sum(tf.mul(tf.logSoftmax(output), action), -1);
  const { mean, logStd } = boundedGaussian(output);
  return normalLogProbability(mean, logStd, action);
}

/**
 * KL(π ‖ prior) of two such policies, in nats.
 *
 * @param output π's: [members, …, outputs]
 * @param prior a constant of the same shape
 * @returns [members, …]; differentiable by the output
 */
export function policyKl(space: Space, output: tf.Tensor, prior: tf.Tensor): tf.Tensor {
  if (space.kind === 'discrete') {
    const logP = tf.logSoftmax(output);
    return tf.sum(tf.mul(tf.exp(logP), tf.sub(logP, tf.logSoftmax(prior))), -1);
  }
  const [p, q] = [output, prior].map((x) => {
    const { mean, logStd } = boundedGaussian(x);
    return { mean, std: tf.exp(logStd) };
  });
  return gaussianKl(p!, q!);
}

/**
 * A sampled action, [members, …, actions] each.
 *
 * @param noise the head's, zeros for the likeliest action
 * @returns `action` as networks see it, `taken` as its likelihood is asked for: in a box before it is clipped
 */
export function sampledAction(
  head: PolicyHead,
  output: tf.Tensor,
  noise: tf.Tensor,
): { action: tf.Tensor; taken: tf.Tensor } {
  if (head.space.kind === 'discrete') {
    const action = head.sample(output, noise);
    return { action, taken: action };
  }
  const taken = unbounded(boundedGaussian(output), noise);
  return { action: clip(taken, -1, 1), taken };
}
