import * as tf from '@tensorflow/tfjs-core';
import type { Imagination, States, WorldModel } from './world-model.ts';

/** What a model expects of imagined trajectories, [members, starts, horizon] each. */
export interface ImaginedRewards {
  /** r̂_{t+1}, in the model's units */
  reward: tf.Tensor3D;
  /** ĉ_{t+1}; 1 in a model that foresees no end */
  continueProbability: tf.Tensor3D;
  /** w_t: the product of the continue probabilities before t */
  weight: tf.Tensor3D;
}

/** Rewards and ends along imagined trajectories, of a model that has a head for rewards. */
export function imaginedRewards<State extends States>(
  model: Pick<WorldModel<State>, 'reward' | 'continues'>,
  imagination: Imagination,
): ImaginedRewards {
  const reward = model.reward!(imagination) as tf.Tensor3D;
  const continueProbability = (
    model.continues ? tf.sigmoid(model.continues(imagination.nextFeatures)) : tf.onesLike(reward)
  ) as tf.Tensor3D;
  return { reward, continueProbability, weight: tf.cumprod(continueProbability, 2, true) as tf.Tensor3D };
}
