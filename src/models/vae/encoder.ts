import * as tf from '@tensorflow/tfjs-core';
import { clip } from '../../nn/distributions.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { VaeShape } from './vae.ts';

const LOG_VARIANCE_RANGE = [-8, 4] as const;

export const encoderSpecs = ({ tower, hidden, latent }: VaeShape): ParameterSpec[] =>
  tower.specs('encoder', hidden, 2 * latent, 1);

/** q(z | o) = N(μ, exp(logvar)); logvar is clipped to [-8, 4]. */
export interface Posterior {
  /** μ: [members, …, latent] */
  mean: tf.Tensor;
  /** [members, …, latent] */
  logVariance: tf.Tensor;
}

/** The posterior of normalised observations õ: [members, …, observation]. */
export function encode(
  parameters: Parameters,
  { tower, hidden }: VaeShape,
  observation: tf.Tensor,
): Posterior {
  const output = tower.apply(parameters, 'encoder', hidden.length, observation);
  const [mean, logVariance] = tf.split(output, 2, -1) as [tf.Tensor, tf.Tensor];
  return { mean, logVariance: clip(logVariance, ...LOG_VARIANCE_RANGE) };
}
