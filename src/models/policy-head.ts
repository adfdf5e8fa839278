import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import { type BoxSpace, type DiscreteSpace, type Space, spaceSize } from '../envs/spaces.ts';
import { mixedLogProbabilities, straightThrough } from '../nn/categorical.ts';
import { clip } from '../nn/distributions.ts';
import type { Noise } from '../training/acting.ts';
import { toBox } from './action-encoding.ts';
import { actorLoss, clippedActorLoss, squashedActorLoss } from './actor-loss.ts';
import {
  type BoxGaussian,
  boundedGaussian,
  type Spread,
  squashedGaussian,
  unbounded,
} from './box-gaussian.ts';

/** Actions that were taken in imagination, and what REINFORCE makes of them. */
export interface TakenActions {
  /** As networks see them: [members, starts, horizon, actions] */
  action: tf.Tensor;
  /** What they were sampled with; a box needs it: [members, starts, horizon, numbers of the head's `noise`] */
  noise: tf.Tensor | undefined;
  /** w: [members, starts, horizon] */
  weight: tf.Tensor;
  /** A: [members, starts, horizon] */
  advantage: tf.Tensor;
  /** η: [members] */
  entropyWeight: tf.Tensor1D;
}

/** How actions are sampled from an actor's outputs. */
export interface ActionSampler {
  readonly space: Space;
  /** What an action is sampled with. */
  readonly noise: Noise;
  /**
   * A sample as networks see actions: one-hot, or in [−1, 1].
   *
   * @param output the actor's: [members, …, outputs]
   * @param noise [members, …, numbers of `noise`]
   */
  sample(output: tf.Tensor, noise: tf.Tensor): tf.Tensor;
}

/** How an actor's outputs stand for actions of a space. */
export interface PolicyHead extends ActionSampler {
  /** Numbers that the actor's network gives per state. */
  readonly outputs: number;
  /**
   * The actions to take: the index of the sampled or likeliest choice, int32 [members, environments], or numbers in the
   * box, sampled or the mean, [members, environments, dimensions].
   *
   * @param output the actor's: [members, environments, outputs]
   * @param noise [members, environments, numbers of `noise`]; undefined: greedy
   */
  decide(output: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor;
  /**
   * REINFORCE with an entropy bonus: the mean of −w (log π(a | s) A + η entropy).
   *
   * @param output the actor's: [members, starts, horizon, outputs]
   * @returns the loss and the mean entropy (nats), [members] each
   */
  loss(output: tf.Tensor, taken: TakenActions): { loss: tf.Tensor1D; entropy: tf.Tensor1D };
}

/** Gumbel noise of each choice, or ε ~ N(0, 1) of each dimension of a box. */
export const actionNoise = (space: Space): Noise =>
  space.kind === 'discrete'
    ? { distribution: 'gumbel', size: space.n }
    : { distribution: 'normal', size: spaceSize(space) };

/** How actions are drawn where there is a choice. */
export interface PolicyOptions {
  /** Share of the uniform distribution in choices; default: none. */
  unimix?: number;
  /** Whether sampled choices have the gradient of their probabilities; default: none. */
  straightThrough?: boolean;
  /** Actions in a box: a Gaussian squashed by tanh, or clipped; default: squashed. */
  box?: 'squashed' | 'clipped';
  /** σ of a squashed Gaussian; default: bounded. */
  spread?: Spread;
}

/** Softmax over choices, or a Gaussian in a box. */
export function policyHead(space: Space, options: PolicyOptions = {}): PolicyHead {
  if (space.kind === 'discrete') return categorical(space, options);
  return gaussian(space, options.box === 'clipped' ? clipped : squashed(options.spread));
}

/** The outputs are log π(a | s) up to a constant per state, before they are mixed with the uniform distribution. */
function categorical(
  space: DiscreteSpace,
  { unimix = 0, straightThrough: isStraightThrough = false }: PolicyOptions,
): PolicyHead {
  const mixed = (output: tf.Tensor) => (unimix > 0 ? mixedLogProbabilities(output, unimix) : output);
  const logProbabilities = (output: tf.Tensor) => mixedLogProbabilities(output, unimix);
  return {
    space,
    outputs: space.n,
    noise: actionNoise(space),
    sample: (output, noise) =>
      isStraightThrough
        ? straightThrough(logProbabilities(output), (logP) => sampleAction(logP, noise))
        : sampleAction(mixed(output), noise),
    decide: (output, noise) => tf.argMax(noise ? tf.add(mixed(output), noise) : output, -1),
    loss: (output, { action, weight, advantage, entropyWeight }) => {
      const logP = unimix > 0 ? logProbabilities(output) : tf.logSoftmax(output);
      return actorLoss(logP, action, weight, advantage, entropyWeight);
    },
  };
}

/**
 * onehot(a) of a sample a ~ π by the Gumbel-max trick: argmax(log π + g), g_i = −log(−log u_i).
 *
 * @param logits [members, batch, actions]; unnormalised will do
 * @param gumbel noise of the same shape; zeros make the choice greedy
 */
function sampleAction(logits: tf.Tensor, gumbel: tf.Tensor): tf.Tensor {
  return oneHot(tf.argMax(tf.add(logits, gumbel), -1), logits.shape.at(-1)!);
}

/** Actions in [−1, 1] that are a function of u ~ N(μ, σ), each dimension by itself. */
interface BoxPolicy {
  policy(output: tf.Tensor): BoxGaussian;
  /** u -> a */
  bound(u: tf.Tensor): tf.Tensor;
  loss: typeof squashedActorLoss;
}

/** a = tanh(u). */
const squashed = (spread: Spread | undefined): BoxPolicy => ({
  policy: (output) => squashedGaussian(output, spread),
  bound: tf.tanh,
  loss: squashedActorLoss,
});

/** a is u clipped. */
const clipped: BoxPolicy = {
  policy: boundedGaussian,
  bound: (u) => clip(u, -1, 1),
  loss: clippedActorLoss,
};

function gaussian(space: BoxSpace, { policy, bound, loss }: BoxPolicy): PolicyHead {
  const act = (output: tf.Tensor, noise: tf.Tensor | undefined) => {
    const distribution = policy(output);
    return bound(noise ? unbounded(distribution, noise) : distribution.mean);
  };
  return {
    space,
    outputs: 2 * spaceSize(space),
    noise: actionNoise(space),
    sample: act,
    decide: (output, noise) => toBox(space, act(output, noise)),
    loss: (output, { noise, weight, advantage, entropyWeight }) =>
      loss(policy(output), noise!, weight, advantage, entropyWeight),
  };
}
