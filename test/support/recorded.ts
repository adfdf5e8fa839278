import type { RecordedEpisodes } from '../../src/training/recorded-episodes.ts';

/**
 * Episodes of choices in memory, that say where their numbers are from: step t of episode e has the observation
 * 100 e + t, the action (e + t) mod 2 and the reward 100 e + t + 0.5. Every second episode ends by termination.
 */
export function recordedEpisodes(lengths: readonly number[]): RecordedEpisodes {
  return {
    fingerprint: new Uint8Array(32).fill(lengths.length),
    lengths: Int32Array.from(lengths),
    returns: Float64Array.from(lengths),
    read(episode, start, steps, batch, row) {
      if (start + steps > lengths[episode]!) throw new RangeError('no such step');
      for (let i = 0; i < steps; i++) {
        const t = start + i;
        batch.observation[row + i] = 100 * episode + t;
        batch.nextObservation[row + i] = 100 * episode + t + 1;
        batch.action[row + i] = (episode + t) % 2;
        batch.reward[row + i] = 100 * episode + t + 0.5;
        batch.terminated[row + i] = Number(episode % 2 === 1 && t === lengths[episode]! - 1);
        batch.first[row + i] = Number(t === 0);
      }
    },
  };
}
