import type { RandomStream } from '../random/stream.ts';
import { type BoxSpace, contains, type Point, type Space } from './spaces.ts';

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
  /** Takes one step. Throws a RangeError if the action is not in the action space, an Error if no episode is open. */
  step(action: Action): StepResult;
  /** Everything the future depends on, so that `setState(state())` changes nothing. */
  state(): number[];
  /** Goes on from `state()` of an environment of this kind. Returns the observation there (the caller's own). */
  setState(state: readonly number[]): Float32Array;
}

/** Throws a RangeError unless `action` lies in `space`. */
export function requireAction(space: Space, action: Action): void {
  if (contains(space, action)) return;
  const expected =
    space.kind === 'discrete'
      ? `an integer in [0, ${space.n})`
      : `an array of shape [${space.shape.join(', ')}] within the action space's bounds`;
  throw new RangeError(`action ${action} is outside the action space: expected ${expected}`);
}
