import * as tf from '@tensorflow/tfjs-core';
import { clip } from '../../nn/distributions.ts';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';

const LOG_VARIANCE_RANGE = [-8, 4] as const;

export function encoderSpecs(
  observation: number,
  hidden: readonly number[],
  latent: number,
): ParameterSpec[] {
  return mlpSpecs('encoder', observation, hidden, 2 * latent);
}

/** q(z | o) = N(μ, exp(logvar)); logvar is clipped to [-8, 4]. */
export interface Posterior {
  /** μ: [members, …, latent] */
  mean: tf.Tensor;
  /** [members, …, latent] */
  logVariance: tf.Tensor;
}

/** The posterior of normalised observations õ: [members, …, observation]. */
export function encode(parameters: Parameters, hiddenLayers: number, observation: tf.Tensor): Posterior {
  const output = mlp(parameters, 'encoder', hiddenLayers, observation, false);
  const [mean, logVariance] = tf.split(output, 2, -1) as [tf.Tensor, tf.Tensor];
  return { mean, logVariance: clip(logVariance, ...LOG_VARIANCE_RANGE) };
}
