import * as tf from '@tensorflow/tfjs-core';
import { type AdamMoments, zeroMoments } from '../../nn/adam.ts';
import { orthogonal } from '../../nn/initialisers.ts';
import { type HiddenLayers, mlp, mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout, type Parameters } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { ActionDistribution, Policy } from './policy.ts';
import type { PpoSettings } from './settings.ts';

/** Orthogonal weights, √2 times in hidden layers: the initialisation that PPO is usually run with. */
const hiddenLayers: HiddenLayers = { weights: orthogonal, scale: Math.SQRT2 };
/** The actor's last layer starts near zero: a policy that is uniform at first. */
const ACTOR_SCALE = 0.01;
const CRITIC_SCALE = 1;

/**
 * Actor and critic, two networks that share nothing, in one flat vector: they have one optimizer.
 *
 * @param observation elements of an observation
 */
export function networks(
  { actor, critic }: PpoSettings,
  observation: number,
  policy: Policy,
): ParameterLayout {
  return new ParameterLayout([
    ...mlpSpecs('actor', observation, actor.hidden, policy.outputs, ACTOR_SCALE, hiddenLayers),
    ...policy.specs,
    ...mlpSpecs('critic', observation, critic.hidden, 1, CRITIC_SCALE, hiddenLayers),
  ]);
}

/** π(· | o): observations are [members, …, observation]. */
export function policyAt(
  policy: Policy,
  parameters: Parameters,
  { actor }: PpoSettings,
  observation: tf.Tensor,
): ActionDistribution {
  const output = mlp(parameters, 'actor', actor.hidden.length, observation, false, 'tanh');
  return policy.distribution(parameters, output);
}

/** V(o), in reward units: [members, …, observation] -> [members, …]. */
export function value(parameters: Parameters, { critic }: PpoSettings, observation: tf.Tensor): tf.Tensor {
  return tf.squeeze(mlp(parameters, 'critic', critic.hidden.length, observation, false, 'tanh'), [-1]);
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  parameters: tf.Tensor2D;
  moments: AdamMoments;
}

/** Fresh weights, one stream per member. */
export function initialWeights(layout: ParameterLayout, streams: readonly RandomStream[]): Weights {
  return { parameters: layout.initialise(streams), moments: zeroMoments(streams.length, layout.size) };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export function namedWeights({ parameters, moments }: Weights): [string, tf.Tensor2D][] {
  return [
    ['policy', parameters],
    ['policy.adam_mean', moments.mean],
    ['policy.adam_square', moments.square],
  ];
}

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => tensors.get(name)!;
  return {
    parameters: get('policy'),
    moments: { mean: get('policy.adam_mean'), square: get('policy.adam_square') },
  };
}
