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

/**
 * The episodes of greatest return, indices in ascending order: as many as it takes to hold a share of all steps. Of equal
 * returns the earlier episode comes first.
 *
 * @param share above 0, 1: all
 */
export function bestEpisodes(
  { lengths, returns }: Pick<RecordedEpisodes, 'lengths' | 'returns'>,
  share: number,
): Int32Array {
  // A stable sort: equal ones stay in their order.
  const ranked = [...lengths.keys()].sort((a, b) => returns[b]! - returns[a]!);
  const steps = share * lengths.reduce((sum, length) => sum + length, 0);
  let held = 0;
  const count = ranked.findIndex((episode) => {
    held += lengths[episode]!;
    return held >= steps;
  });
  return Int32Array.from(count < 0 ? ranked : ranked.slice(0, count + 1)).sort();
}

/**
 * Which episodes are learnt from and which are kept to measure on, indices in ascending order: of each 1 / share in a row the
 * last, so that everybody who acted has some in both.
 *
 * @param share that is kept, from 0 to below 1
 */
export function heldOutEpisodes(
  { lengths }: Pick<RecordedEpisodes, 'lengths'>,
  share: number,
): { training: Int32Array; heldOut: Int32Array } {
  const all = [...lengths.keys()];
  const isHeldOut = (episode: number) => Math.floor((episode + 1) * share) > Math.floor(episode * share);
  return {
    training: Int32Array.from(all.filter((episode) => !isHeldOut(episode))),
    heldOut: Int32Array.from(all.filter(isHeldOut)),
  };
}

/** Episodes that somebody played before, read as they are needed: more of them than memory holds. */
export interface RecordedEpisodes {
  /** What tells them from all others: 32 bytes, a SHA-256. */
  readonly fingerprint: Uint8Array;
  /** Steps of each episode, one at least: [episodes] */
  readonly lengths: Int32Array;
  /** Undiscounted return of each: [episodes] */
  readonly returns: Float64Array;
  /** Writes so many consecutive steps of an episode from one on into a batch's rows from `row` on, of members × windows × time. */
  read(episode: number, start: number, steps: number, batch: Batch, row: number): void;
}
