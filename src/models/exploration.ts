import * as tf from '@tensorflow/tfjs-core';
import { type Space, spaceSize } from '../envs/spaces.ts';
import type { Noise } from '../training/acting.ts';

/** What is done to actions while experience is collected. */
export interface Exploration {
  /** What it needs, one noise after the other. */
  readonly noise: readonly Noise[];
  /**
   * @param actions to be taken: int32 [members, environments], or numbers in the box, [members, environments, dimensions]
   * @param noise [members, environments, numbers of `noise`]
   */
  explore(actions: tf.Tensor, noise: tf.Tensor): tf.Tensor;
}

/**
 * Exploration as PlaNet and Dreamer v1 have it: N(0, σ) is added to numbers in a box, σ in half widths of the box, and
 * clipped; of choices a share is replaced by uniformly random ones.
 *
 * @param amount σ, or the share
 */
export function exploration(space: Space, amount: number): Exploration {
  if (space.kind === 'discrete') {
    return {
      noise: [{ distribution: 'uniform', size: 2 }],
      explore: (actions, noise) => {
        const [u, v] = tf.split(noise, 2, -1).map((x) => tf.squeeze(x, [-1])) as [tf.Tensor, tf.Tensor];
        const isRandom = tf.cast(tf.less(u, amount), 'float32');
        const random = tf.minimum(tf.floor(tf.mul(v, space.n)), space.n - 1);
        const greedy = tf.cast(actions, 'float32');
        return tf.cast(tf.add(greedy, tf.mul(isRandom, tf.sub(random, greedy))), 'int32');
      },
    };
  }
  const halfWidths = space.low.map((low, i) => (space.high[i]! - low) / 2);
  return {
    noise: [{ distribution: 'normal', size: spaceSize(space) }],
    explore: (actions, noise) => {
      const moved = tf.add(actions, tf.mul(noise, tf.tensor1d(halfWidths.map((x) => amount * x))));
      return tf.maximum(tf.tensor1d([...space.low]), tf.minimum(tf.tensor1d([...space.high]), moved));
    },
  };
}
