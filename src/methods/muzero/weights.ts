import type * as tf from '@tensorflow/tfjs-core';
import { zeroMoments } from '../../nn/adam.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { Optimised } from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  learnt: Optimised;
  /** The averaged network's parameters. */
  average: tf.Tensor2D;
}

/** Fresh weights, one stream per member; the average starts at the network itself. */
export function initialWeights(layout: ParameterLayout, streams: readonly RandomStream[]): Weights {
  const parameters = layout.initialise(streams);
  return {
    learnt: { parameters, moments: zeroMoments(streams.length, layout.size) },
    average: parameters.clone(),
  };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ learnt, average }: Weights): [string, tf.Tensor2D][] => [
  ['model', learnt.parameters],
  ['model.mean', learnt.moments.mean],
  ['model.square', learnt.moments.square],
  ['model.average', average],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    learnt: { parameters: get('model'), moments: { mean: get('model.mean'), square: get('model.square') } },
    average: get('model.average'),
  };
}
