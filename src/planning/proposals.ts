import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import type { Space } from '../envs/spaces.ts';
import type { Noise } from '../training/acting.ts';

/** What candidate plans are drawn from, each step and each number of an action by itself: [rows, horizon, actions]. */
export interface Proposal {
  /** Actions as networks see them; of choices their probabilities */
  mean: tf.Tensor3D;
  /** σ; absent for choices, whose probabilities say it */
  std?: tf.Tensor3D;
}

/** The distributions over plans that suit an action space. */
export interface ProposalFamily {
  /** What candidates are sampled with. */
  readonly noise: Noise['distribution'];
  /** What the mean of a step is before anything is known of it. */
  readonly unknown: number;
  /** The distribution that a search begins with. */
  around(mean: tf.Tensor3D): Proposal;
  /** Plans, from noise of their shape: [rows, candidates, horizon, actions]. */
  sample(proposal: Proposal, noise: tf.Tensor4D): tf.Tensor4D;
  /** The distribution of the best plans: [rows, elites, horizon, actions]. */
  refit(elites: tf.Tensor4D): Proposal;
  /** The action to take where a step's mean is this, as networks see it: [rows, actions]. */
  decide(mean: tf.Tensor2D): tf.Tensor2D;
}

/** Added to the variance, so that no search ends before its last iteration. */
const VARIANCE_FLOOR = 1e-6;

/**
 * Over a box, PlaNet's: a ~ N(μ, σ), clipped to [−1, 1] before it is judged; μ and σ² become mean and variance over the
 * elites, and a plan is μ.
 */
const gaussians: ProposalFamily = {
  noise: 'normal',
  unknown: 0,
  around: (mean) => ({ mean, std: tf.onesLike(mean) }),
  sample: ({ mean, std }, noise) =>
    tf.clipByValue(tf.add(tf.expandDims(mean, 1), tf.mul(tf.expandDims(std!, 1), noise)), -1, 1),
  refit: (elites) => {
    const mean = tf.mean<tf.Tensor3D>(elites, 1);
    const variance = tf.mean<tf.Tensor3D>(tf.squaredDifference(elites, tf.expandDims(mean, 1)), 1);
    return { mean, std: tf.sqrt(tf.add(variance, VARIANCE_FLOOR)) };
  },
  decide: (mean) => mean,
};

/** Share of the uniform distribution: without it a choice that no elite makes could never return. */
const UNIFORM_SHARE = 0.05;

/**
 * Over choices: a = argmax(log p + Gumbel noise), one-hot; p becomes the frequencies among the elites, mixed with the
 * uniform distribution, and the action of a plan is its likeliest choice.
 */
const categoricals = (choices: number): ProposalFamily => ({
  noise: 'gumbel',
  unknown: 1 / choices,
  around: (mean) => ({ mean }),
  sample: ({ mean }, noise) =>
    oneHot(tf.argMax(tf.add(tf.expandDims(tf.log(mean), 1), noise), -1), choices) as tf.Tensor4D,
  refit: (elites) => {
    const frequencies = tf.mean<tf.Tensor3D>(elites, 1);
    return { mean: tf.add(tf.mul(frequencies, 1 - UNIFORM_SHARE), UNIFORM_SHARE / choices) };
  },
  decide: (mean) => oneHot(tf.argMax(mean, -1), choices) as tf.Tensor2D,
});

export const proposalFamily = (space: Space): ProposalFamily =>
  space.kind === 'discrete' ? categoricals(space.n) : gaussians;
