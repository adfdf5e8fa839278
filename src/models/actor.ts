import * as tf from '@tensorflow/tfjs';
import { oneHot } from '../engine/one-hot.ts';
import { numberedLayers } from '../nn/linear.ts';
import { mlp, mlpLayers, mlpSpecs } from '../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../nn/parameters.ts';

/** The last layer starts near zero: a policy that is uniform at first. */
const LAST_SCALE = 0.01;

export const actorSpecs = (latent: number, hidden: readonly number[], actions: number): ParameterSpec[] =>
  mlpSpecs('actor', latent, hidden, actions, LAST_SCALE);

/** log π(a | z) up to a constant per state: [members, …, latent] -> [members, …, actions]. The latent is a constant to it. */
export function policyLogits(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return mlp(parameters, 'actor', hiddenLayers, latent, false);
}

/** The actor's layers as an engine's roll-out takes them. */
export const actorLayers = (parameters: Parameters, hiddenLayers: number): Record<string, tf.Tensor> =>
  numberedLayers(mlpLayers(parameters, 'actor', hiddenLayers));

/** log π(a | z) of every discrete action: [members, …, latent] -> [members, …, actions]. The latent is a constant to it. */
export function logPolicy(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return tf.logSoftmax(policyLogits(parameters, hiddenLayers, latent));
}

/**
 * onehot(a) of a sample a ~ π by the Gumbel-max trick: argmax(log π + g), g_i = −log(−log u_i).
 *
 * @param logits [members, batch, actions]; unnormalised will do
 * @param gumbel noise of the same shape; zeros make the choice greedy
 */
export function sampleAction(logits: tf.Tensor, gumbel: tf.Tensor): tf.Tensor {
  return oneHot(tf.argMax(tf.add(logits, gumbel), -1), logits.shape.at(-1)!);
}

/**
 * The actions that an agent takes: sampled where there is noise (by the Gumbel-max trick), else the likeliest.
 *
 * @param logits computes the policy's logits, [members, environments, actions]
 * @param gumbel noise of the same shape
 * @returns [members, environments]
 */
export async function chooseActions(logits: () => tf.Tensor, gumbel?: Float32Array): Promise<Int32Array> {
  const chosen = tf.tidy(() => {
    const scores = logits();
    return tf.argMax(gumbel ? tf.add(scores, tf.tensor(gumbel, scores.shape)) : scores, -1);
  });
  const actions = await chosen.data<'int32'>();
  chosen.dispose();
  return actions;
}
