import type { RandomStream } from '../random/stream.ts';
import { type BoxSpace, contains, type DiscreteSpace, type Point, type Space, spaceSize } from './spaces.ts';

/** An integer for a discrete action space, an array for a box. */
export type Action = Point;

/** What one step led to. */
export interface StepResult {
  /** The caller's own array: the environment never writes to it again. */
  observation: Float32Array;
  reward: number;
  /** The episode reached an end state: nothing is to be gained afterwards. */
  terminated: boolean;
  /** The episode was cut short, by a time limit: the state it was left in still has a value. */
  truncated: boolean;
}

/**
 * A Markov decision process, one episode at a time. Its state is float64, its observations are float32.
 * `reset` or `setState` comes first; after a step that ended the episode, another step is a bug and throws.
 */
export interface Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace: Space;
  /** Starts an episode; all its randomness comes from `random`. Returns the first observation (the caller's own). */
  reset(random: RandomStream): Float32Array;
  /**
   * Takes one step; the array of an action is read here and not kept. Where actions are numbers in a box, those beyond
   * its bounds count as the nearest within, as in Gymnasium. Throws a RangeError for another action outside the action
   * space, an Error if no episode is open.
   */
  step(action: Action): StepResult;
  /** Everything the future depends on, so that `setState(state())` changes nothing. */
  state(): number[];
  /** Goes on from `state()` of an environment of this kind. Returns the observation there (the caller's own). */
  setState(state: readonly number[]): Float32Array;
}

/** The integer of a discrete action. Throws a RangeError unless it lies in `space`. */
export function requireChoice(space: DiscreteSpace, action: Action): number {
  if (typeof action === 'number' && contains(space, action)) return action;
  throw new RangeError(
    `action ${action} is outside the action space: expected an integer in [0, ${space.n})`,
  );
}

/** The numbers of an action in a box, within its bounds or beyond. Throws a RangeError unless they are finite and fit its shape. */
export function requireNumbers(space: BoxSpace, action: Action): Float32Array {
  if (typeof action !== 'number' && action.length === spaceSize(space) && action.every(Number.isFinite)) {
    return action;
  }
  throw new RangeError(
    `action ${action} is outside the action space: expected finite numbers of shape [${space.shape.join(', ')}]`,
  );
}
