import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { type BoxSpace, type DiscreteSpace, type Space, spaceSize } from '../../envs/spaces.ts';
import { actionNoise } from '../../models/policy-head.ts';
import { categoricalEntropy } from '../../nn/distributions.ts';
import { normalEntropy, normalLogProbability } from '../../nn/gaussian.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { Noise } from '../../training/acting.ts';
import type { Actions } from '../../training/actions.ts';

/** π(· | o) of some observations. */
export interface ActionDistribution {
  /** log π(a | o) of actions as `encode` gives them, in nats: [members, …] */
  logProbability(action: tf.Tensor): tf.Tensor;
  /** In nats: [members, …] */
  entropy(): tf.Tensor;
  /** The actions to take, sampled or, without noise, the likeliest: int32 [members, …], or [members, …, dimensions]. */
  choose(noise: tf.Tensor | undefined): tf.Tensor;
}

/** How the actor's network makes a policy over a space of actions. */
export interface Policy {
  readonly noise: Noise;
  /** Numbers that the network gives per observation. */
  readonly outputs: number;
  /** Parameters beside the network. */
  readonly specs: readonly ParameterSpec[];
  /** The likeliest actions: int32 [members, …], or [members, …, dimensions]. */
  likeliest(output: tf.Tensor): tf.Tensor;
  /** Actions of a roll-out, [members, environments, time, …], as `logProbability` takes them. */
  encode(actions: Actions, steps: [number, number, number]): tf.Tensor;
  /** @param output the network's: [members, …, outputs] */
  distribution(parameters: Parameters, output: tf.Tensor): ActionDistribution;
}

/** @param logStd log σ of every dimension of a box, at first */
export function policyOver(space: Space, logStd: number): Policy {
  return space.kind === 'discrete' ? categorical(space) : gaussian(space, logStd);
}

/** A softmax over choices. */
function categorical(space: DiscreteSpace): Policy {
  return {
    noise: actionNoise(space),
    outputs: space.n,
    specs: [],
    likeliest: (logits) => tf.argMax(logits, -1),
    encode: (actions, steps) => oneHot(tf.tensor3d(actions, steps, 'int32'), space.n),
    distribution: (_, logits) => {
      let logPolicy: tf.Tensor | undefined;
      const all = () => (logPolicy ??= tf.logSoftmax(logits));
      return {
        logProbability: (action) => tf.sum(tf.mul(all(), action), -1),
        entropy: () => categoricalEntropy(all()),
        choose: (noise) => tf.argMax(noise ? tf.add(logits, noise) : logits, -1),
      };
    },
  };
}

const LOG_STD = 'actor.log_std';

/**
 * N(μ(o), σ) in the box's own units, with a σ that is learnt and the same everywhere. What lies beyond the bounds is
 * clipped on its way to the environment: the density is of what was sampled.
 */
function gaussian(space: BoxSpace, logStd: number): Policy {
  const dimensions = spaceSize(space);
  return {
    noise: actionNoise(space),
    outputs: dimensions,
    specs: [{ name: LOG_STD, shape: [dimensions], initialise: (_, out) => void out.fill(logStd) }],
    likeliest: (mean) => tf.clone(mean),
    encode: (actions, steps) => tf.tensor4d(actions, [...steps, dimensions]),
    distribution: (parameters, mean) => {
      const spread = tf.reshape(parameters.get(LOG_STD), [
        mean.shape[0]!,
        ...Array<number>(mean.rank - 2).fill(1),
        dimensions,
      ]);
      return {
        logProbability: (action) => normalLogProbability(mean, spread, action),
        entropy: () => tf.mul(normalEntropy(spread), tf.ones(mean.shape.slice(0, -1))),
        choose: (noise) => (noise ? tf.add(mean, tf.mul(tf.exp(spread), noise)) : tf.clone(mean)),
      };
    },
  };
}
