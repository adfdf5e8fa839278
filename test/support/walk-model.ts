import * as tf from '@tensorflow/tfjs-core';
import type { ImaginedStep, WorldModel } from '../../src/models/world-model.ts';

/** Where the observation stands, and the push before: [members, batch, dimensions] each. */
export type Walk = Record<'position' | 'push', tf.Tensor>;

/** What a step's noise counts for. */
export const SHAKE = 0.1;
/** ĉ has the logit FIRM − x', x' the first element of the position after. */
export const FIRM = 2;

/**
 * The smallest model whose best plan is known, and depends on what was done before:
 *
 *   push = a W      position' = position + push − push_before / 2 + SHAKE ε      r = −|position' − goal|²
 *
 * @param goal [members, 1, 1, dimensions]
 * @param pushes W, what each number of an action moves: [actions, dimensions]
 */
export function walkModel(
  goal: tf.Tensor4D,
  pushes: tf.Tensor2D,
): WorldModel<Walk> & Required<Pick<WorldModel<Walk>, 'reward' | 'follow' | 'stateSizes' | 'continues'>> {
  const dimensions = pushes.shape[1];
  const pushOf = (action: tf.Tensor) =>
    tf.reshape(tf.matMul(tf.reshape(action, [-1, pushes.shape[0]]), pushes), [
      ...action.shape.slice(0, -1),
      dimensions,
    ]);
  return {
    observe: () => {
      throw new Error('nobody observes windows');
    },
    start: (observation) => ({ position: observation, push: tf.zerosLike(observation) }),
    follow: (_before, action, observation, first) => ({
      position: observation,
      push: tf.mul(pushOf(action), tf.expandDims(tf.sub(1, first), 2)),
    }),
    stateSizes: { position: dimensions, push: dimensions },
    features: ({ position }) => position,
    stepper: () => (state, action, noise) => {
      const push = pushOf(action);
      const moved = tf.add(state.position, tf.sub(push, tf.div(state.push, 2)));
      return { position: noise ? tf.add(moved, tf.mul(noise, SHAKE)) : moved, push };
    },
    reward: ({ nextFeatures }: ImaginedStep) => tf.neg(tf.sum(tf.squaredDifference(nextFeatures, goal), -1)),
    continues: (features) => {
      const first = tf.slice(features, Array(features.rank).fill(0), [...features.shape.slice(0, -1), 1]);
      return tf.sub(FIRM, tf.squeeze(first, [features.rank - 1]));
    },
    valueScale: 1,
  };
}
