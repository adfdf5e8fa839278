import type * as tf from '@tensorflow/tfjs-core';
import type { ParameterLayout } from '../nn/parameters.ts';
import type { RandomStream } from '../random/stream.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../training/optimise.ts';
import type { WeightNames } from '../training/training-state.ts';
import { weightsNamed } from '../training/weights.ts';

/** Everything that fitting a model to experience changes, each tensor `[members, size]`. */
export interface FittedWeights {
  model: Optimised;
  /** By which its networks see: that of all experience when it was last fitted. */
  standardisation: tf.Tensor2D;
}

/** Fresh weights, one stream per member. */
export const initialFitted = (
  layout: ParameterLayout,
  streams: readonly RandomStream[],
  standardisation: tf.Tensor2D,
): FittedWeights => ({ model: freshOptimised(layout.initialise(streams)), standardisation });

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const fittedNames: WeightNames<FittedWeights> = {
  named: ({ model, standardisation }) => [
    ...namedOptimised('model', model),
    ['standardisation', standardisation],
  ],
  from: (tensors) => ({
    model: optimisedFrom(tensors, 'model'),
    standardisation: weightsNamed(tensors, 'standardisation'),
  }),
};
