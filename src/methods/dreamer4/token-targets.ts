import type { Actions } from '../../training/actions.ts';
import type { Frames } from '../../training/frames.ts';

/**
 * What heads of each frame are to predict, for every distance n from 0 on (Hafner et al. 2025, eq. 9): the action taken n
 * frames later, the reward and the end of the frame n later. [members, batch, time, distances] each, weights 1 or 0.
 */
export interface TokenTargets {
  /** With actionSize numbers each. */
  action: Actions;
  /** 0 where no action follows. */
  actionWeight: Float32Array;
  reward: Float32Array;
  /** 0 where there is no such frame, or nothing led to it. */
  rewardWeight: Float32Array;
  /** 1 where that frame does not end the episode by termination. */
  goesOn: Float32Array;
  /** 0 where there is no such frame. */
  goesOnWeight: Float32Array;
}

/**
 * A frame t holds the action before it, so that the action taken n frames after it is the one of frame t + 1 + n. The sum over
 * distances has as many terms as it is asked for; the paper's runs from 0 to L.
 */
export function tokenTargets(frames: Frames, distances: number): TokenTargets {
  const { time } = frames;
  const count = frames.mask.length;
  const width = frames.action.length / count;
  const make = () => new Float32Array(count * distances);
  const targets: TokenTargets = {
    action:
      frames.action instanceof Int32Array
        ? new Int32Array(count * distances)
        : new Float32Array(count * distances * width),
    actionWeight: make(),
    reward: make(),
    rewardWeight: make(),
    goesOn: make(),
    goesOnWeight: make(),
  };
  for (let at = 0; at < count; at++) {
    const left = time - (at % time);
    for (let n = 0; n < distances; n++) {
      const to = at * distances + n;
      const ahead = at + n;
      if (n < left && frames.mask[ahead]) {
        targets.reward[to] = frames.reward[ahead]!;
        targets.rewardWeight[to] = 1 - frames.first[ahead]!;
        targets.goesOn[to] = 1 - frames.terminated[ahead]!;
        targets.goesOnWeight[to] = 1;
      }
      if (n + 1 < left && frames.mask[ahead + 1]) {
        const taken = frames.action.subarray((ahead + 1) * width, (ahead + 2) * width);
        targets.action.set(taken, to * width);
        targets.actionWeight[to] = 1;
      }
    }
  }
  return targets;
}

/**
 * Weights with which a sum over frames and distances is the mean over distances of the mean over those frames that count, 0
 * where none does.
 *
 * @param weights [members, frames, distances], 1 or 0
 * @param counts of each frame, 1 or 0: [members, frames]
 */
export function meanWeights(
  weights: Float32Array,
  counts: Float32Array,
  members: number,
  distances: number,
): Float32Array {
  const frames = counts.length / members;
  const out = new Float32Array(weights.length);
  for (let member = 0; member < members; member++) {
    for (let n = 0; n < distances; n++) {
      const index = (frame: number) => (member * frames + frame) * distances + n;
      const weight = (frame: number) => weights[index(frame)]! * counts[member * frames + frame]!;
      let sum = 0;
      for (let frame = 0; frame < frames; frame++) sum += weight(frame);
      if (sum === 0) continue;
      for (let frame = 0; frame < frames; frame++) out[index(frame)] = weight(frame) / (sum * distances);
    }
  }
  return out;
}
