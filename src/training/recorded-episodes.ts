import type { Actions } from './actions.ts';
import type { Observations } from './observations.ts';
import type { Batch } from './replay.ts';

/** One whole episode of n steps, raw units. The last observation has no action. */
export interface WholeEpisode {
  /** o_0 … o_n: [n + 1, observation] */
  observations: Observations;
  /** a_0 … a_{n−1}, as the environment took them: [n, actionSize] */
  actions: Actions;
  /** [n] */
  rewards: Float32Array;
  terminated: boolean;
  truncated: boolean;
}

/** Episodes that somebody played before, read as they are needed: more of them than memory holds. */
export interface RecordedEpisodes {
  /** What tells them from all others: 32 bytes, a SHA-256. */
  readonly fingerprint: Uint8Array;
  /** Steps of each episode, one at least: [episodes] */
  readonly lengths: Int32Array;
  /** Undiscounted return of each: [episodes] */
  readonly returns: Float64Array;
  /** Writes the consecutive steps of an episode from one on, as many as a window has, into one: an index into members × windows. */
  read(episode: number, start: number, batch: Batch, window: number): void;
}
