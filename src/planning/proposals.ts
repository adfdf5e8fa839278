import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import type { Space } from '../envs/spaces.ts';
import type { Noise } from '../training/acting.ts';
import type { SettingsOf } from './settings.ts';

/** What candidate plans are drawn from, each step and each number of an action by itself: [rows, horizon, actions]. */
export interface Proposal {
  /** Actions as networks see them; of choices their probabilities */
  mean: tf.Tensor3D;
  /** σ, or σ² where the bounds limit it; absent for choices, whose probabilities say it */
  dispersion?: tf.Tensor3D;
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
  /** The distribution of the best plans, [rows, elites, horizon, actions], after the one that they were drawn from. */
  refit(elites: tf.Tensor4D, before: Proposal): Proposal;
  /** The action to take where a step's mean is this, as networks see it: [rows, actions]. */
  decide(mean: tf.Tensor2D): tf.Tensor2D;
}

/** What of the settings says how distributions are refitted. */
export type Refitting = Pick<SettingsOf<'cem'>, 'momentum' | 'sampling' | 'unbiased'>;

/** Added to the variance, so that no search ends before its last iteration. With momentum what was before sees to that. */
const VARIANCE_FLOOR = 1e-6;

/** m before + (1 − m) after, per element. */
export function mix(before: tf.Tensor, after: tf.Tensor, momentum: number): tf.Tensor3D {
  if (momentum === 0) return after as tf.Tensor3D;
  return tf.add(tf.mul(before, momentum), tf.mul(after, 1 - momentum));
}

/** Mean and variance over the best plans: [rows, elites, horizon, actions] -> [rows, horizon, actions] each. */
export function moments(elites: tf.Tensor4D, unbiased = false): Record<'mean' | 'variance', tf.Tensor3D> {
  const mean = tf.mean<tf.Tensor3D>(elites, 1);
  const variance = tf.mean<tf.Tensor3D>(tf.squaredDifference(elites, tf.expandDims(mean, 1)), 1);
  const count = elites.shape[1];
  return { mean, variance: unbiased ? tf.mul(variance, count / Math.max(1, count - 1)) : variance };
}

/**
 * Over a box, PlaNet's: a ~ N(μ, σ), clipped to [−1, 1] before it is judged; μ and σ² become mean and variance over the
 * elites, and a plan is μ.
 */
const clipped = ({ momentum, unbiased }: Refitting): ProposalFamily => ({
  noise: 'normal',
  unknown: 0,
  around: (mean) => ({ mean, dispersion: tf.onesLike(mean) }),
  sample: ({ mean, dispersion }, noise) =>
    tf.clipByValue(tf.add(tf.expandDims(mean, 1), tf.mul(tf.expandDims(dispersion!, 1), noise)), -1, 1),
  refit: (elites, before) => {
    const { mean, variance } = moments(elites, unbiased);
    const std = tf.sqrt(momentum > 0 ? variance : tf.add(variance, VARIANCE_FLOOR));
    return {
      mean: mix(before.mean, mean, momentum),
      dispersion: mix(before.dispersion!, std, momentum),
    };
  },
  decide: (mean) => mean,
});

/** σ² that PETS begins with: of a σ that is a quarter of the box's width. */
const FIRST_VARIANCE = 0.25;

/**
 * Over a box, PETS's (Chua et al. 2018): a ~ N(μ, σ) within two σ, which is at most half the way from μ to either bound, so
 * that no a leaves the box; momentum is of μ and σ².
 */
const truncated = ({ momentum, unbiased }: Refitting): ProposalFamily => ({
  noise: 'truncated-normal',
  unknown: 0,
  around: (mean) => ({ mean, dispersion: tf.fill(mean.shape, FIRST_VARIANCE) }),
  sample: ({ mean, dispersion }, noise) => {
    const toBound = tf.div(tf.sub(1, tf.abs(mean)), 2);
    const std = tf.minimum(tf.sqrt(dispersion!), toBound);
    return tf.add(tf.expandDims(mean, 1), tf.mul(tf.expandDims(std, 1), noise));
  },
  refit: (elites, before) => {
    const { mean, variance } = moments(elites, unbiased);
    return {
      mean: mix(before.mean, mean, momentum),
      dispersion: mix(before.dispersion!, variance, momentum),
    };
  },
  decide: (mean) => mean,
});

/** Share of the uniform distribution: without it a choice that no elite makes could never return. */
const UNIFORM_SHARE = 0.05;

/** One-hot choices with given probabilities, argmax(log p + Gumbel noise); noise may have more leading axes. */
export const sampleChoices = (probabilities: tf.Tensor, gumbel: tf.Tensor): tf.Tensor =>
  oneHot(tf.argMax(tf.add(tf.log(probabilities), gumbel), -1), gumbel.shape.at(-1)!);

/**
 * Over choices: a = argmax(log p + Gumbel noise), one-hot; p becomes the frequencies among the elites, mixed with the
 * uniform distribution, and the action of a plan is its likeliest choice.
 */
const categoricals = (choices: number, { momentum }: Refitting): ProposalFamily => ({
  noise: 'gumbel',
  unknown: 1 / choices,
  around: (mean) => ({ mean }),
  sample: ({ mean }, noise) => sampleChoices(tf.expandDims(mean, 1), noise) as tf.Tensor4D,
  refit: (elites, before) => {
    const frequencies = tf.mean<tf.Tensor3D>(elites, 1);
    const mixed = tf.add(tf.mul(frequencies, 1 - UNIFORM_SHARE), UNIFORM_SHARE / choices);
    return { mean: mix(before.mean, mixed, momentum) };
  },
  decide: (mean) => oneHot(tf.argMax(mean, -1), choices) as tf.Tensor2D,
});

export function proposalFamily(space: Space, refitting: Refitting): ProposalFamily {
  if (space.kind === 'discrete') return categoricals(space.n, refitting);
  return refitting.sampling === 'truncated' ? truncated(refitting) : clipped(refitting);
}
