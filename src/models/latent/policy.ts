import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { type BoxSpace, type DiscreteSpace, type Space, spaceSize } from '../../envs/spaces.ts';
import { mixedLogProbabilities } from '../../nn/categorical.ts';
import { categoricalEntropy, clip } from '../../nn/distributions.ts';
import { surprisal } from '../../nn/gaussian.ts';
import { unbounded } from '../box-gaussian.ts';
import { type ActionSampler, actionNoise } from '../policy-head.ts';
import type { PolicySettings } from './settings.ts';

/** A policy that an actor gives, whose actions have its gradient in a box. */
export interface LatentPolicy extends ActionSampler {
  /** Numbers that the actor's network gives per state. */
  readonly outputs: number;
  /** The likeliest action as networks see it: [members, …, outputs] -> [members, …, actions]. */
  likeliest(output: tf.Tensor): tf.Tensor;
  /** Of choices log π, [members, …, choices]; absent in a box. */
  logProbabilities?(output: tf.Tensor): tf.Tensor;
  /**
   * What an entropy bonus is of, [members, …], in nats; absent where σ is not learnt.
   *
   * @param noise that the action is sampled with
   */
  entropy?(output: tf.Tensor, noise: tf.Tensor): tf.Tensor;
}

/** The policy of an action space; undefined where choices are those of the largest value. */
export function latentPolicy(space: Space, settings: PolicySettings): LatentPolicy | undefined {
  if (space.kind === 'discrete') return settings.choices === 'learned' ? categorical(space) : undefined;
  return settings.box === 'squashed' ? squashed(space) : noisy(space, settings);
}

/** log σ is within these. */
const [LOW, HIGH] = [-10, 2];

/**
 * TD-MPC2's policy: a = tanh(u), u ~ N(m, σ), with log σ = −10 + 6 (tanh(s) + 1) of the network's outputs m and s.
 *
 * Its entropy bonus is −A log N(u; m, σ) of A dimensions: the density before tanh, times A, as upstream computes it.
 */
function squashed(space: BoxSpace): LatentPolicy {
  const size = spaceSize(space);
  const parts = (output: tf.Tensor) => {
    const [mean, s] = tf.split(output, 2, -1) as [tf.Tensor, tf.Tensor];
    return { mean, logStd: tf.add(tf.mul(tf.add(tf.tanh(s), 1), (HIGH - LOW) / 2), LOW) };
  };
  return {
    space,
    outputs: 2 * size,
    noise: actionNoise(space),
    sample: (output, noise) => tf.tanh(unbounded(parts(output), noise)),
    likeliest: (output) => tf.tanh(parts(output).mean),
    entropy: (output, noise) => tf.mul(surprisal(parts(output).logStd, noise), size),
  };
}

/** TD-MPC's policy: a = tanh(m) with noise N(0, σ), which is cut at a largest amount, and within [−1, 1]. */
function noisy(space: BoxSpace, { noise: std, noiseClip }: PolicySettings): LatentPolicy {
  return {
    space,
    outputs: spaceSize(space),
    noise: actionNoise(space),
    sample: (output, noise) => {
      const added = tf.clipByValue(tf.mul(noise, std), -noiseClip, noiseClip);
      return clip(tf.add(tf.tanh(output), added), -1, 1);
    },
    likeliest: (output) => tf.tanh(output),
  };
}

/** A softmax over choices. */
function categorical(space: DiscreteSpace): LatentPolicy {
  const logProbabilities = (output: tf.Tensor) => mixedLogProbabilities(output, 0);
  return {
    space,
    outputs: space.n,
    noise: actionNoise(space),
    sample: (output, noise) => oneHot(tf.argMax(tf.add(output, noise), -1), space.n),
    likeliest: (output) => oneHot(tf.argMax(output, -1), space.n),
    logProbabilities,
    entropy: (output) => categoricalEntropy(logProbabilities(output)),
  };
}
