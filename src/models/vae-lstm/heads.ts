import * as tf from '@tensorflow/tfjs-core';
import { linear, linearSpecs } from '../../nn/linear.ts';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';

/** Continue head and critic start with small outputs: undecided, and of value near 0. */
const SMALL_SCALE = 0.1;

export const rewardSpecs = (latent: number): ParameterSpec[] => linearSpecs('reward', latent, 1);

/** r̂, in units of `rewardScale`: [members, …, latent] -> [members, …]. */
export function predictReward(parameters: Parameters, latent: tf.Tensor): tf.Tensor {
  return tf.squeeze(linear(parameters, 'reward', latent), [-1]);
}

export const continueSpecs = (latent: number, hidden: readonly number[]): ParameterSpec[] =>
  mlpSpecs('continue', latent, hidden, 1, SMALL_SCALE);

/** Logit of ĉ, the probability that the episode does not terminate here: [members, …, latent] -> [members, …]. */
export function continueLogit(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return tf.squeeze(mlp(parameters, 'continue', hiddenLayers, latent), [-1]);
}

export const criticSpecs = (latent: number, hidden: readonly number[]): ParameterSpec[] =>
  mlpSpecs('critic', latent, hidden, 1, SMALL_SCALE);

/**
 * V(z), (1 − γ) times the value in units of `rewardScale`, so in [0, 1] for rewards in [0, 1]: [members, …, latent] -> [members, …].
 *
 * @param latentGradient false where z is a constant
 */
export function value(
  parameters: Parameters,
  hiddenLayers: number,
  latent: tf.Tensor,
  latentGradient = true,
): tf.Tensor {
  return tf.squeeze(mlp(parameters, 'critic', hiddenLayers, latent, latentGradient), [-1]);
}
