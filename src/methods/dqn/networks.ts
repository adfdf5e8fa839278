import type * as tf from '@tensorflow/tfjs-core';
import { type AdamMoments, zeroMoments } from '../../nn/adam.ts';
import { asPyTorch, mlp, mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { DqnSettings } from './settings.ts';

/** Where Q's parameters stand. */
export const criticLayout = (
  { critic }: Pick<DqnSettings, 'critic'>,
  { observation, actions }: AgentSpaces,
): ParameterLayout =>
  new ParameterLayout(mlpSpecs('critic', observation, critic.hidden, actions, 1, asPyTorch));

/** Q(o, ·) of every choice, in reward units: [members, …, observation] -> [members, …, choices]. */
export function actionValues(
  layout: ParameterLayout,
  critic: tf.Tensor2D,
  { critic: { hidden } }: Pick<DqnSettings, 'critic'>,
  observation: tf.Tensor,
): tf.Tensor {
  return mlp(layout.unpack(critic), 'critic', hidden.length, observation, false);
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  critic: tf.Tensor2D;
  moments: AdamMoments;
  /** Q̄'s parameters. */
  target: tf.Tensor2D;
}

/** Fresh weights, one stream per member; the target starts at the network itself. */
export function initialWeights(layout: ParameterLayout, streams: readonly RandomStream[]): Weights {
  const critic = layout.initialise(streams);
  return { critic, moments: zeroMoments(streams.length, layout.size), target: critic.clone() };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ critic, moments, target }: Weights): [string, tf.Tensor2D][] => [
  ['critic', critic],
  ['critic.adam_mean', moments.mean],
  ['critic.adam_square', moments.square],
  ['critic.target', target],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    critic: get('critic'),
    moments: { mean: get('critic.adam_mean'), square: get('critic.adam_square') },
    target: get('critic.target'),
  };
}
