import type * as tf from '@tensorflow/tfjs-core';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';

export function decoderSpecs(
  latent: number,
  hidden: readonly number[],
  observation: number,
): ParameterSpec[] {
  return mlpSpecs('decoder', latent, hidden, observation);
}

/** dec(z): the normalised observation that a latent stands for, [members, …, latent] -> [members, …, observation]. */
export function decode(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return mlp(parameters, 'decoder', hiddenLayers, latent);
}
