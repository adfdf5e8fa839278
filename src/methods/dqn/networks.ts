import type * as tf from '@tensorflow/tfjs-core';
import { type AdamMoments, zeroMoments } from '../../nn/adam.ts';
import { asPyTorch } from '../../nn/mlp.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { imageTower, vectorTower } from '../../nn/tower.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { DqnUpdateSettings } from './settings.ts';

/** The network Q over an environment's observations. */
export interface ActionValues {
  readonly layout: ParameterLayout;
  /** Q(o, ·) of every choice, in reward units: [members, …, observation] -> [members, …, choices]. */
  of(critic: tf.Tensor2D, observation: tf.Tensor): tf.Tensor;
}

/** @param settings with an encoder where observations are images */
export function actionValues(
  { critic: { hidden }, encoder }: Pick<DqnUpdateSettings, 'critic' | 'encoder'>,
  { observation, image, actions }: Pick<AgentSpaces, 'observation' | 'image' | 'actions'>,
): ActionValues {
  const tower = image ? imageTower(image, encoder!, asPyTorch) : vectorTower(observation, 'relu', asPyTorch);
  const layout = new ParameterLayout(tower.specs('critic', hidden, actions, 1));
  return {
    layout,
    of: (critic, observation) => tower.apply(layout.unpack(critic), 'critic', hidden.length, observation),
  };
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
