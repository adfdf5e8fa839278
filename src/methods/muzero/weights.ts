import type * as tf from '@tensorflow/tfjs-core';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../../training/optimise.ts';
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
  return { learnt: freshOptimised(parameters), average: parameters.clone() };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ learnt, average }: Weights): [string, tf.Tensor2D][] => [
  ...namedOptimised('model', learnt),
  ['model.average', average],
];

/** The inverse of `namedWeights`. */
export const weightsFrom = (tensors: Map<string, tf.Tensor2D>): Weights => ({
  learnt: optimisedFrom(tensors, 'model'),
  average: weightsNamed(tensors, 'model.average'),
});
