import * as tf from '@tensorflow/tfjs-core';
import { type FittedWeights, fittedNames } from '../../models/fitted-weights.ts';
import * as softActorCritic from '../../models/soft-actor-critic/networks.ts';
import { type NamedWeights, weightsNamed } from '../../training/weights.ts';

/** Everything that fits and updates change, each tensor `[members, …]`. */
export interface Weights {
  model: FittedWeights;
  /** Numbers of the networks that imagine, the best first: [members, elites] */
  elites: tf.Tensor2D;
  /** What there is to say of the fits so far, by `FIT_NUMBERS`: [members, numbers] */
  fit: tf.Tensor2D;
  actorCritic: softActorCritic.Weights;
}

/** Updates in all fits; of the last one the passes over the data, the held-out error and the steps of roll-outs after it. */
export const FIT_NUMBERS = ['updates', 'passes', 'heldOutError', 'length'] as const;

/** No fit has been made, and the first networks are as good as any. */
export const unfitted = (members: number, elites: number): Pick<Weights, 'elites' | 'fit'> => ({
  elites: tf.tile(tf.expandDims(tf.range(0, elites), 0), [members, 1]),
  fit: tf.zeros([members, FIT_NUMBERS.length]),
});

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ model, elites, fit, actorCritic }: Weights): NamedWeights => [
  ...fittedNames.named(model),
  ['elites', elites],
  ['fit', fit],
  ...softActorCritic.namedWeights(actorCritic),
];

/** The inverse of `namedWeights`. */
export const weightsFrom = (tensors: Map<string, tf.Tensor2D>): Weights => ({
  model: fittedNames.from(tensors),
  elites: weightsNamed(tensors, 'elites'),
  fit: weightsNamed(tensors, 'fit'),
  actorCritic: softActorCritic.weightsFrom(tensors),
});
