import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import { type BoxSpace, type Space, spaceSize } from '../envs/spaces.ts';
import { numberedLayers } from '../nn/linear.ts';
import { mlp, mlpLayers, mlpSpecs } from '../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../nn/parameters.ts';
import type { Noise } from '../training/acting.ts';

/** The last layer starts near zero: a policy that is uniform at first. */
const LAST_SCALE = 0.01;

/** What the actor's network gives per state: a logit for each choice, or mean and spread of each dimension of a box. */
export const policyOutputs = (space: Space): number =>
  space.kind === 'discrete' ? space.n : 2 * spaceSize(space);

export const actorSpecs = (latent: number, hidden: readonly number[], space: Space): ParameterSpec[] =>
  mlpSpecs('actor', latent, hidden, policyOutputs(space), LAST_SCALE);

/**
 * The actor's outputs: for choices log π(a | z) up to a constant per state, for a box what `squashedGaussian` takes.
 * [members, …, latent] -> [members, …, outputs]. The latent is a constant to it.
 */
export function policyOutput(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return mlp(parameters, 'actor', hiddenLayers, latent, false);
}

/** The actor's layers as an engine's roll-out takes them. */
export const actorLayers = (parameters: Parameters, hiddenLayers: number): Record<string, tf.Tensor> =>
  numberedLayers(mlpLayers(parameters, 'actor', hiddenLayers));

/**
 * onehot(a) of a sample a ~ π by the Gumbel-max trick: argmax(log π + g), g_i = −log(−log u_i).
 *
 * @param logits [members, batch, actions]; unnormalised will do
 * @param gumbel noise of the same shape; zeros make the choice greedy
 */
export function sampleAction(logits: tf.Tensor, gumbel: tf.Tensor): tf.Tensor {
  return oneHot(tf.argMax(tf.add(logits, gumbel), -1), logits.shape.at(-1)!);
}

/** Where the mean of u saturates: tanh beyond is as good as ±1. */
const MEAN_SCALE = 5;
const [LEAST_STD, LARGEST_STD] = [0.1, 1];
/** Shifts the spread's logit: an actor that gives 0 has σ = 0.89. */
const STD_SHIFT = 2;

/**
 * The policy over a box, scaled to [−1, 1]: a = tanh(u), u ~ N(μ, σ), each dimension by itself. From the network's outputs
 * m and s
 *
 *   μ = 5 tanh(m / 5)      σ = 0.1 + 0.9 sigmoid(s + 2)
 *
 * (the mean of Dreamer, Hafner et al. 2020; the spread of DreamerV3, Hafner et al. 2023).
 *
 * @param outputs [members, …, 2 · dimensions], m then s
 * @returns μ and log σ, [members, …, dimensions] each
 */
export function squashedGaussian(outputs: tf.Tensor): { mean: tf.Tensor; logStd: tf.Tensor } {
  const [m, s] = tf.split(outputs, 2, -1) as [tf.Tensor, tf.Tensor];
  const spread = tf.sigmoid(tf.add(s, STD_SHIFT));
  return {
    mean: tf.mul(MEAN_SCALE, tf.tanh(tf.div(m, MEAN_SCALE))),
    logStd: tf.log(tf.add(LEAST_STD, tf.mul(LARGEST_STD - LEAST_STD, spread))),
  };
}

/** u = μ + σ ε, before it is squashed: ε and u are [members, …, dimensions]. */
export function beforeSquashing(
  { mean, logStd }: { mean: tf.Tensor; logStd: tf.Tensor },
  noise: tf.Tensor,
): tf.Tensor {
  return tf.add(mean, tf.mul(tf.exp(logStd), noise));
}

/** What an action is sampled with: Gumbel noise of each choice, or ε ~ N(0, 1) of each dimension of a box. */
export const actionNoise = (space: Space): Noise =>
  space.kind === 'discrete'
    ? { distribution: 'gumbel', size: space.n }
    : { distribution: 'normal', size: spaceSize(space) };

/**
 * A sample of the policy as networks see actions: one-hot, or in [−1, 1].
 *
 * @param output the actor's: [members, …, outputs]
 * @param noise [members, …, numbers of `actionNoise`]
 */
export function sampleEncoded(space: Space, output: tf.Tensor, noise: tf.Tensor): tf.Tensor {
  if (space.kind === 'discrete') return sampleAction(output, noise);
  return tf.tanh(beforeSquashing(squashedGaussian(output), noise));
}

/**
 * The actions to take: the index of the sampled or likeliest choice, int32 [members, environments], or numbers in the
 * box, sampled or the mean μ squashed, [members, environments, dimensions].
 *
 * @param output the actor's: [members, environments, outputs]
 * @param noise [members, environments, numbers of `actionNoise`]; undefined: greedy
 */
export function decide(space: Space, output: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor {
  if (space.kind === 'discrete') return tf.argMax(noise ? tf.add(output, noise) : output, -1);
  const policy = squashedGaussian(output);
  const u = noise ? beforeSquashing(policy, noise) : policy.mean;
  const { centre, halfWidth } = boxScale(space);
  return tf.add(centre, tf.mul(halfWidth, tf.tanh(u)));
}

/** The middle of a box and half its widths: [dimensions] each. */
function boxScale({ low, high }: BoxSpace): { centre: tf.Tensor1D; halfWidth: tf.Tensor1D } {
  return {
    centre: tf.tensor1d(low.map((x, i) => (x + high[i]!) / 2)),
    halfWidth: tf.tensor1d(low.map((x, i) => (high[i]! - x) / 2)),
  };
}

/** Actions as networks see them: one-hot choices from indices, int32 [members, …], or numbers in a box scaled to [−1, 1]. */
export function encodeActions(space: Space, actions: tf.Tensor): tf.Tensor {
  if (space.kind === 'discrete') return oneHot(actions, space.n);
  const { centre, halfWidth } = boxScale(space);
  return tf.div(tf.sub(actions, centre), halfWidth);
}
