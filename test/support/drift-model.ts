import * as tf from '@tensorflow/tfjs-core';
import type { WorldModel } from '../../src/models/world-model.ts';

/** How far an action moves each element of an observation, and what each step of an episode adds to that. */
export const PUSH = 0.5;
export const AGEING = 0.125;
/** σ of a step. */
export const SPREAD = 0.25;

/** Where the observation stands, and the steps of the episode before: [members, batch, …] each. */
export type Drift = Record<'position' | 'age', tf.Tensor>;

/**
 * The smallest model with memory and chance, without parameters, for two elements and two choices:
 *
 *   position' = position + PUSH (a − 1/2) + AGEING age + SPREAD ε      age' = age + 1
 *
 * with a = 1 for the second choice, r = the sum of position', and a policy that likes both choices alike.
 */
export const driftModel: WorldModel<Drift> &
  Required<Pick<WorldModel<Drift>, 'decode' | 'reward' | 'policy'>> = {
  observe: ({ observation, action, first }) => {
    const [members, batch, time] = first.shape;
    const ages: tf.Tensor[] = [];
    for (const isFirst of tf.unstack(first, 2)) {
      const before = ages.at(-1);
      ages.push(before ? tf.mul(tf.add(before, 1), tf.sub(1, isFirst)) : tf.zerosLike(isFirst));
    }
    const states = {
      position: observation as tf.Tensor,
      age: tf.reshape(tf.stack(ages, 2), [members, batch, time, 1]),
    };
    return { states, predicted: moved(states, action) };
  },
  start: (observation) => {
    const [members, batch] = observation.shape;
    return { position: observation, age: tf.zeros([members, batch, 1]) };
  },
  features: ({ position }) => position,
  stepNoise: [{ distribution: 'normal', size: 2 }],
  stepper: () => (state, action, noise) => {
    const likeliest = moved(state, action);
    const position = noise ? tf.add(likeliest, tf.mul(noise, SPREAD)) : likeliest;
    return { position, age: tf.add(state.age, 1) };
  },
  decode: (features) => features,
  reward: ({ nextFeatures }) => tf.sum(nextFeatures, -1),
  valueScale: 2,
  policy: (features) => tf.zerosLike(features),
};

function moved({ position, age }: Drift, action: tf.Tensor): tf.Tensor {
  const second = tf.slice(action, [...Array(action.rank - 1).fill(0), 1], [...action.shape.slice(0, -1), 1]);
  return tf.add(position, tf.add(tf.mul(tf.sub(second, 0.5), PUSH), tf.mul(age, AGEING)));
}
