import type * as tf from '@tensorflow/tfjs-core';
import type { Space } from '../envs/spaces.ts';
import type { ActionSampler } from '../models/policy-head.ts';
import type { States, WorldModel } from '../models/world-model.ts';
import type { ActingMode, Noise } from '../training/acting.ts';

/** What planning asks of a model beyond what every model has. */
export type PlannableModel<State extends States> = WorldModel<State> &
  Required<Pick<WorldModel<State>, 'follow' | 'stateSizes' | 'reward'>>;

/** What a planner is made for, which does not depend on weights. */
export interface Ground<State extends States = States> {
  actionSpace: Space;
  /** Numbers of an action as networks see it. */
  actions: number;
  /** What verbs the model has. */
  model: PlannableModel<State>;
  /** How the model's policy is sampled; absent where it has none. */
  head: ActionSampler | undefined;
  /** The discount of the model's value as far as ĉ has not learnt it. */
  gamma: number;
  /** The discount that ĉ has learnt; 1 where it has learnt none. */
  learntGamma: number;
}

/** Where every environment stands when a decision is due. */
export interface Problem<State extends States> {
  model: PlannableModel<State>;
  /** The present state: [members, environments, …] each */
  state: State;
  /** 1 where an episode starts, else 0: [members, environments, 1] */
  first: tf.Tensor3D;
  /**
   * What the planner gave at the step before, zero where an episode starts: [members, environments, `memorySize`];
   * undefined where it remembers nothing
   */
  memory: tf.Tensor3D | undefined;
}

/** What a planner has come to, [members, environments, …] each. */
export interface Planned {
  /** To be taken, as networks see it: a one-hot choice, or numbers in [−1, 1] */
  action: tf.Tensor3D;
  /** What is to be remembered at the next step; absent where nothing is */
  memory?: tf.Tensor3D;
}

/** A way to search for actions in a model: a pure function of the model, the state, what is remembered and noise. */
export interface Planner<State extends States = States> {
  /** What a decision in one environment is random by, in the order in which `plan` takes it. */
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  /** Plans that it tries in one environment, where its noise does not say: with none it would seem to take no work. */
  readonly trajectories?: number;
  /** Numbers that it remembers of each environment from a step to the next. */
  readonly memorySize: number;
  /** @param noise [members, environments, size] each */
  plan(problem: Problem<State>, noise: readonly tf.Tensor3D[]): Planned;
}
