import * as tf from '@tensorflow/tfjs-core';
import type { Space } from '../envs/spaces.ts';
import type { Noise } from '../training/acting.ts';
import type { Windows } from './windows.ts';

/**
 * The verbs: a world model of any family as imagination, planners, diagnostics and `wm bench` see it, over the parameters
 * of all members. Every tensor has a leading `members` axis. Observations are divided by their scale, actions are as
 * networks see them, rewards are in units of `AgentSpaces.rewardScale`. A verb is absent where the family, or the arm,
 * has nothing of the kind.
 *
 * @template State what the model knows at one step: its tensors by name, `[members, batch, …]` each
 */
export interface WorldModel<State extends States = States> {
  /**
   * Follows real sequences: the state at every step, given all observations up to it, empty where an episode starts.
   *
   * @param noise what the states are sampled with, as the family draws it; undefined: the likeliest
   */
  observe(windows: Windows, noise?: tf.Tensor): Observed<State>;

  /** The state at an episode's start, of one observation and no memory: [members, batch, observation]. */
  start(observation: tf.Tensor3D): State;

  /** What heads and policy see of a state: [members, …, features]. */
  features(state: State): tf.Tensor;

  /** What one imagined step is sampled with; undefined for a deterministic model. */
  readonly stepNoise?: Noise;
  /**
   * One imagined step.
   *
   * @param action [members, batch, actions]
   * @param noise [members, batch, numbers of `stepNoise`]
   */
  step(state: State, action: tf.Tensor, noise?: tf.Tensor): State;
  /** Many steps in one call; undefined where the engine has none for such a behaviour. */
  rollOut?(start: State, behaviour: Behaviour): Imagination | undefined;

  /** The observation that features stand for: [members, …, features] -> [members, …, observation]. */
  decode?(features: tf.Tensor): tf.Tensor;
  /** r̂ of transitions: [members, …]. */
  reward?(transition: Transition): tf.Tensor;
  /** Logit of ĉ, the probability that the episode goes on: [members, …, features] -> [members, …]. */
  continues?(features: tf.Tensor): tf.Tensor;
  /**
   * The value of a state, in whatever unit the family learns it: [members, …, features] -> [members, …].
   *
   * @param featuresGradient false where the features are constants
   */
  value?(features: tf.Tensor, featuresGradient?: boolean): tf.Tensor;
  /** The actor's outputs, what `decide` and `sampleEncoded` take: [members, …, features] -> [members, …, outputs]. */
  policy?(features: tf.Tensor): tf.Tensor;
}

/** States of any family: tensors by name, `[members, batch, …, size]` each. */
export type States = Readonly<Record<string, tf.Tensor>>;

/** What a model makes of real sequences. */
export interface Observed<State extends States> {
  /** At every step, before its action: `[members, batch, time, …]` each */
  states: State;
  /** Features of the state after every step, predicted before its observation is seen: [members, batch, time, features] */
  predicted: tf.Tensor;
}

/** Steps of a model or of the world, `[members, …]` each: s, a and s′. */
export interface Transition {
  /** Where the action is taken: [members, …, features] */
  features: tf.Tensor;
  /** As networks see it, one-hot or in [−1, 1]: [members, …, actions] */
  action: tf.Tensor;
  /** After it: [members, …, features] */
  nextFeatures: tf.Tensor;
}

/** Imagined trajectories: the transitions of every step, `[members, starts, horizon, …]`. */
export type Imagination = Transition;

/** The model's own policy, sampled. */
export interface SampledPolicy {
  actionSpace: Space;
  /** [members, starts, horizon, numbers of `actionNoise`] */
  noise: tf.Tensor4D;
}

/** What picks the actions of a roll-out: the policy, or the past, [members, starts, horizon, actions] as networks see it. */
export type Behaviour = SampledPolicy | { actions: tf.Tensor4D };

/**
 * The states at some steps of sequences.
 *
 * @param states [members, batch, time, size] each
 * @param steps indices into members × batch × time: [members, starts], int32
 * @returns [members, starts, size] each
 */
export function statesAt<State extends States>(states: State, steps: tf.Tensor): State {
  const pick = (x: tf.Tensor) => tf.gather(tf.reshape(x, [-1, x.shape.at(-1)!]), steps);
  return Object.fromEntries(Object.entries(states).map(([name, x]) => [name, pick(x)])) as State;
}
