import * as tf from '@tensorflow/tfjs-core';
import { logTanhSlope, surprisal } from '../../nn/gaussian.ts';
import { clampedGaussian, unbounded } from '../box-gaussian.ts';

/**
 * A sample of the policy, differentiable through the noise it was drawn with: with u = μ + σ ε
 *
 *   a = tanh(u)      log π(a | o) = −Σ (ε² / 2 + log σ + log √(2π)) − Σ log(1 − tanh²(u))
 *
 * @param output the actor's: [members, …, 2 · dimensions]
 * @param noise ε: [members, …, dimensions]
 * @returns a in [−1, 1], [members, …, dimensions], and its log-density there, in nats: [members, …]
 */
export function sample(
  output: tf.Tensor,
  noise: tf.Tensor,
): { action: tf.Tensor; logProbability: tf.Tensor } {
  const policy = clampedGaussian(output);
  const u = unbounded(policy, noise);
  return {
    action: tf.tanh(u),
    logProbability: tf.neg(tf.add(surprisal(policy.logStd, noise), logTanhSlope(u))),
  };
}

/** The actions to take, in [−1, 1]: a sample, or tanh(μ) without noise. Shapes as in `sample`. */
export function decide(output: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor {
  const policy = clampedGaussian(output);
  return tf.tanh(noise ? unbounded(policy, noise) : policy.mean);
}
