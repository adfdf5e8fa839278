import type * as tf from '@tensorflow/tfjs-core';
import type { PolicyHead } from '../models/policy-head.ts';
import type { States, WorldModel } from '../models/world-model.ts';

/** What of a method's checkpoint is played step by step: its world model, and what acts in it. */
export interface Played<State extends States = States> {
  /** The arrays of a checkpoint that the model is made of, and how many numbers each has. */
  readonly sizes: Readonly<Record<string, number>>;
  /**
   * The model over such weights.
   *
   * @param weights by the names of `sizes`: [members, size] each
   */
  model(weights: Readonly<Record<string, tf.Tensor2D>>): WorldModel<State>;
  /** How the model's policy picks actions; absent where the method has no policy. */
  readonly head?: Pick<PolicyHead, 'decide'>;
}
