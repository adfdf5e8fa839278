import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { Space } from '../../envs/spaces.ts';
import { boundedGaussian } from '../../models/box-gaussian.ts';
import { policyLogProbability } from '../../models/policy-likelihood.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import { gradientOf } from '../../training/gradient.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import type { Imitator } from './networks.ts';
import type { CloningSettings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = ['loss', 'accuracy', 'action_mse', 'gradient_norm', 'weight_norm'] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];

/** What an update imitates. */
export interface Examples {
  /** o, raw units: [members, batch, observation] */
  observation: tf.Tensor;
  /** a as networks see it, one-hot or in [−1, 1]: [members, batch, actions] */
  action: tf.Tensor;
}

/**
 * The mean over the batch of −log π(a | o), in nats: the cross entropy of the softmax with the choice that was made, or
 * −log N(a; tanh(m), σ) of numbers scaled to [−1, 1], before the policy's own are clipped to that.
 *
 * @param output the policy's: [members, batch, outputs]
 * @param action [members, batch, actions]
 * @returns [members]
 */
export function imitationLoss(space: Space, output: tf.Tensor, action: tf.Tensor): tf.Tensor1D {
  return memberMean(policyLogProbability(space, output, action), -1);
}

/** How the likeliest action compares with the one that was taken: the share of equal choices, or the mean square of the difference in [−1, 1]. */
function agreement(
  space: Space,
  output: tf.Tensor,
  action: tf.Tensor,
): Partial<Record<'accuracy' | 'action_mse', tf.Tensor1D>> {
  if (space.kind === 'discrete') {
    const likeliest = oneHot(tf.argMax(output, -1), space.n);
    return { accuracy: memberMean(tf.mul(likeliest, action), space.n) };
  }
  return { action_mse: meanSquaredError(boundedGaussian(output).mean, action) };
}

/**
 * One clipped step of Adam on the imitation loss: a pure function of weights, examples and scalars.
 *
 * @param learningRate [members, 1]
 */
export function imitate(
  { head, output }: Imitator,
  before: Optimised,
  { observation, action }: Examples,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
  { gradientClip }: Pick<CloningSettings, 'gradientClip'>,
): { weights: Optimised; terms: Partial<Record<LossTerm, tf.Tensor>> } {
  const { gradient, terms } = gradientOf(before.parameters, (policy) => {
    const outputs = output(policy, observation);
    const loss = imitationLoss(head.space, outputs, action);
    return { loss, terms: { loss, ...stopGradient(() => agreement(head.space, outputs, action)) } };
  });
  const step = descend(before, gradient, correction, learningRate, gradientClip);
  return { weights: step.learnt, terms: { ...terms, ...step.terms } };
}
