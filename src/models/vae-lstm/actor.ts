import type * as tf from '@tensorflow/tfjs-core';
import { numberedLayers } from '../../nn/linear.ts';
import { mlp, mlpLayers, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';

/** The last layer starts near zero: a policy that is uniform at first. */
const LAST_SCALE = 0.01;

/** @param outputs of the policy's head */
export const actorSpecs = (latent: number, hidden: readonly number[], outputs: number): ParameterSpec[] =>
  mlpSpecs('actor', latent, hidden, outputs, LAST_SCALE);

/**
 * The actor's outputs, what a `PolicyHead` takes: [members, …, latent] -> [members, …, outputs]. The latent is a constant
 * to it.
 */
export function policyOutput(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return mlp(parameters, 'actor', hiddenLayers, latent, false);
}

/** The actor's layers as an engine's roll-out takes them. */
export const actorLayers = (parameters: Parameters, hiddenLayers: number): Record<string, tf.Tensor> =>
  numberedLayers(mlpLayers(parameters, 'actor', hiddenLayers));
