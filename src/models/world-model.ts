import * as tf from '@tensorflow/tfjs-core';
import type { Noise } from '../training/acting.ts';
import type { ActionSampler } from './policy-head.ts';
import type { Windows } from './windows.ts';

/**
 * The verbs: a world model of any family as roll-outs, planners and diagnostics see it, over the parameters of all
 * members. Every tensor has a leading `members` axis. Observations are divided by their scale, actions are as networks see
 * them, rewards are in units of `AgentSpaces.rewardScale`. A verb is absent where the family, or the arm, has nothing of
 * the kind.
 *
 * @template State what the model knows at one step: its tensors by name, `[members, batch, …]` each
 */
export interface WorldModel<State extends States = States> {
  /**
   * Follows real sequences: the likeliest state at every step, given all observations up to it. The memory is empty at
   * the first step of a window, and where an episode starts.
   */
  observe(windows: Windows): Observed<State>;

  /** The state at an episode's start, of one observation and no memory: [members, batch, observation]. */
  start(observation: tf.Tensor3D): State;

  /**
   * Follows a real episode by one step, as `observe` does along windows: the state at an observation, from the state
   * before it and the action taken there. Where an episode starts the memory is empty, whatever stands in these two. Absent
   * where nobody acts by more than `start`.
   *
   * @param action [members, batch, actions]
   * @param observation [members, batch, observation]
   * @param first 1 where an episode starts, else 0: [members, batch]
   * @param noise [members, batch, numbers of `followNoise`]; undefined: the likeliest state
   */
  follow?(
    before: State,
    action: tf.Tensor3D,
    observation: tf.Tensor3D,
    first: tf.Tensor2D,
    noise?: tf.Tensor3D,
  ): State;
  /** What `follow` samples a state with, one noise after the other; absent where it takes the likeliest. */
  readonly followNoise?: readonly Noise[];
  /** How many numbers each tensor of a state has in a model that follows, [members, batch, numbers] each. */
  readonly stateSizes?: Readonly<Record<keyof State & string, number>>;

  /**
   * All that heads and policy see of a state, each taking its part: [members, …, features]. The VAE + LSTM's is z, an
   * RSSM's is h and z side by side. A roll-out in one call gives these and no states.
   */
  features(state: State): tf.Tensor;

  /** What one imagined step is sampled with, one noise after the other; absent in a deterministic model. */
  readonly stepNoise?: readonly Noise[];
  /** The function of one imagined step, for one roll-out: what it prepares belongs to the scope in which it is made. */
  stepper(): Step<State>;
  /** Many steps in one call; undefined where the engine has none for such a behaviour. */
  rollOut?(start: State, behaviour: Behaviour, stepNoise: tf.Tensor4D | undefined): Imagination | undefined;

  /** How a planner rolls the model out; absent where once along each plan. */
  readonly particles?: Particles<State>;

  /**
   * What is held against the features of an observation, made of those predicted of it: [members, …, features] -> [members,
   * …, features]. Absent where they are held against each other as they are.
   */
  predictor?(features: tf.Tensor): tf.Tensor;

  /** The observation that features stand for: [members, …, features] -> [members, …, observation]. */
  decode?(features: tf.Tensor): tf.Tensor;
  /** r̂ of steps: [members, …]. */
  reward?(step: ImaginedStep): tf.Tensor;
  /** Logit of ĉ, the probability that the episode goes on: [members, …, features] -> [members, …]. */
  continues?(features: tf.Tensor): tf.Tensor;
  /**
   * `valueScale` times the discounted sum of rewards to come: [members, …, features] -> [members, …].
   *
   * @param noise [members, …, numbers of `valueNoise`]; undefined: of the likeliest action, the mean over all heads, or their least where a method plans by that (TD-MPC v1)
   */
  value?(features: tf.Tensor, noise?: tf.Tensor): tf.Tensor;
  /** What a value is sampled with, one noise after the other; absent where it is a function of the features alone. */
  readonly valueNoise?: readonly ValueNoise[];
  /** What values, and the returns that they are learnt from, are multiplied by; 1 where they are as they are. */
  readonly valueScale: number;
  /**
   * The actor's outputs, what a `PolicyHead` takes: [members, …, features] -> [members, …, outputs]. The
   * features are constants to it.
   */
  policy?(features: tf.Tensor): tf.Tensor;
}

/** States of any family: tensors by name, `[members, batch, …]` each. */
export type States = Readonly<Record<string, tf.Tensor>>;

/** What values are sampled with: numbers of each state or, `shared`, the same of all states that are compared with each other. */
export interface ValueNoise extends Noise {
  /** Such as which heads of an ensemble judge; default: each state has its own, such as the action that is valued there. */
  shared?: boolean;
}

/** How a model that is unsure of itself, an ensemble, is rolled out: several times along each plan. */
export interface Particles<State extends States> {
  /** How many times; the mean of their returns is the plan's. */
  readonly number: number;
  /**
   * The states that the particles begin with, those of one state side by side: [members, batch, …] -> [members, batch ·
   * number, …]. Which network of an ensemble a particle follows stands in its state, or in noise of its steps.
   */
  spread(state: State): State;
}

/**
 * One imagined step: (s, a) -> s′.
 *
 * @param action [members, batch, actions]
 * @param noise [members, batch, numbers of `stepNoise`]; undefined: the likeliest step
 */
export type Step<State extends States> = (state: State, action: tf.Tensor, noise?: tf.Tensor) => State;

/** What a model makes of real sequences. */
export type Observed<State extends States> = {
  /** At every step t, with o_t seen and before a_t: `[members, batch, time, …]` each */
  states: State;
  /** Of the state after every step t, predicted from a_t before o_{t+1} is seen: [members, batch, time, features] */
  predicted: tf.Tensor;
};

/** Steps as heads see them, `[members, …]` each: s, a and s′. */
export interface ImaginedStep {
  /** Where the action is taken: [members, …, features] */
  features: tf.Tensor;
  /** As networks see it, one-hot or in [−1, 1]: [members, …, actions] */
  action: tf.Tensor;
  /** After it: [members, …, features] */
  nextFeatures: tf.Tensor;
}

/** Imagined trajectories: all their steps, `[members, starts, horizon, …]`. */
export type Imagination = ImaginedStep;

/** The model's own policy, sampled. */
export interface SampledPolicy {
  head: ActionSampler;
  /** [members, starts, horizon, numbers of the head's `noise`] */
  noise: tf.Tensor4D;
}

/** What picks the actions of a roll-out: the policy, or the past, [members, starts, horizon, actions] as networks see it. */
export type Behaviour = SampledPolicy | { actions: tf.Tensor4D };

/**
 * The states at some steps of sequences.
 *
 * @param states [members, batch, time, …] each
 * @param steps indices into members × batch × time: [members, starts], int32
 * @returns [members, starts, …] each
 */
export function statesAt<State extends States>(states: State, steps: tf.Tensor): State {
  const pick = (x: tf.Tensor) => tf.gather(tf.reshape(x, [-1, ...x.shape.slice(3)]), steps);
  return Object.fromEntries(Object.entries(states).map(([name, x]) => [name, pick(x)])) as State;
}

/**
 * One state or another.
 *
 * @param which 1 or 0: [members, batch]
 * @param one where it is 1, the other where it is 0: [members, batch, …] each
 */
export function statesAs<State extends States>(which: tf.Tensor, one: State, other: State): State {
  const pick = (x: tf.Tensor, y: tf.Tensor) => {
    const [members, batch] = which.shape as [number, number];
    const isOne = tf.reshape(tf.cast(which, 'bool'), [members, batch, ...Array(x.rank - 2).fill(1)]);
    return tf.where(isOne, x, y);
  };
  return Object.fromEntries(Object.entries(one).map(([name, x]) => [name, pick(x, other[name]!)])) as State;
}
