import * as tf from '@tensorflow/tfjs-core';
import type { CarryPart } from '../training/steps.ts';
import type { States, WorldModel } from './world-model.ts';

/** A model that follows real episodes step by step. */
export type Follower<State extends States> = Required<Pick<WorldModel<State>, 'follow' | 'stateSizes'>>;
type Sizes<State extends States> = Pick<Follower<State>, 'stateSizes'>;

const numbersOf = (stateSizes: Readonly<Record<string, number>>) =>
  Object.values(stateSizes).reduce((sum, size) => sum + size, 0);

/**
 * The numbers that an agent carries in each environment to follow its episodes: 1, the state, and the action taken
 * there. All zero, they are an episode's start.
 */
export const followedSize = <State extends States>({ stateSizes }: Sizes<State>, actions: number): number =>
  1 + numbersOf(stateSizes) + actions;

/** Where in that the state stands. */
export const carriedState = (stateSizes: Readonly<Record<string, number>>): CarryPart => ({
  from: 1,
  size: numbersOf(stateSizes),
});

/**
 * What is carried on from a step.
 *
 * @param action as networks see it: [members, environments, actions]
 * @returns [members, environments, numbers of `followedSize`]
 */
export function carryStep<State extends States>(
  { stateSizes }: Follower<State>,
  state: State,
  action: tf.Tensor3D,
): tf.Tensor3D {
  const [members, environments] = action.shape;
  const tensors = Object.keys(stateSizes).map((name) => state[name]!);
  return tf.concat([tf.ones([members, environments, 1]), ...tensors, action], 2) as tf.Tensor3D;
}

/** Where an agent stands that follows its episodes. */
export interface Followed<State extends States> {
  state: State;
  /** 1 where an episode starts, else 0: [members, environments, 1] */
  first: tf.Tensor3D;
}

/**
 * The state at an observation.
 *
 * @param carry what `carryStep` gave at the step before, zero where an episode starts
 * @param observation divided by its scale: [members, environments, observation]
 * @param noise [members, environments, numbers of `followNoise`]; undefined: the likeliest state
 */
export function followStep<State extends States>(
  model: Follower<State>,
  carry: tf.Tensor3D,
  observation: tf.Tensor3D,
  noise: tf.Tensor3D | undefined,
): Followed<State> {
  const { stateSizes } = model;
  const actions = carry.shape[2] - 1 - numbersOf(stateSizes);
  const sizes = [1, ...Object.values<number>(stateSizes), actions];
  const [isLater, ...parts] = tf.split(carry, sizes, 2) as [tf.Tensor3D, ...tf.Tensor3D[]];
  const before = Object.fromEntries(Object.keys(stateSizes).map((name, i) => [name, parts[i]!])) as State;
  const first: tf.Tensor3D = tf.sub(1, isLater);
  const state = model.follow(before, parts.at(-1)!, observation, tf.squeeze(first, [2]), noise);
  return { state, first };
}
