import type * as tf from '@tensorflow/tfjs-core';
import { type AdamMoments, zeroMoments } from '../nn/adam.ts';
import type { ParameterLayout } from '../nn/parameters.ts';
import type { RandomStream } from '../random/stream.ts';
import { type NamedWeights, weightsNamed } from '../training/weights.ts';

/** What is learnt of a model by gradients, each tensor `[members, size]`. */
export interface LearntModel {
  model: tf.Tensor2D;
  moments: AdamMoments;
}

/** Everything that fitting a model to experience changes, each tensor `[members, size]`. */
export interface FittedWeights extends LearntModel {
  /** By which its networks see: that of all experience when it was last fitted. */
  standardisation: tf.Tensor2D;
}

/** Fresh weights, one stream per member. */
export const initialFitted = (
  layout: ParameterLayout,
  streams: readonly RandomStream[],
  standardisation: tf.Tensor2D,
): FittedWeights => ({
  model: layout.initialise(streams),
  moments: zeroMoments(streams.length, layout.size),
  standardisation,
});

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const fittedNames = {
  named: ({ model, moments, standardisation }: FittedWeights): NamedWeights => [
    ['model', model],
    ['model.mean', moments.mean],
    ['model.square', moments.square],
    ['standardisation', standardisation],
  ],
  from: (tensors: Map<string, tf.Tensor2D>): FittedWeights => {
    const get = (name: string) => weightsNamed(tensors, name);
    return {
      model: get('model'),
      moments: { mean: get('model.mean'), square: get('model.square') },
      standardisation: get('standardisation'),
    };
  },
};
