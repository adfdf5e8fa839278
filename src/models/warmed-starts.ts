import * as tf from '@tensorflow/tfjs-core';
import type { Sequences } from '../training/replay.ts';
import { type Observed, type States, statesAt } from './world-model.ts';

/** Steps after a warmed start at which the open-loop error is measured. */
export const OPEN_LOOP_STEPS = [1, 5, 15] as const;
export const LONGEST = Math.max(...OPEN_LOOP_STEPS);
/** Warmed starts stand every 20 steps of a sequence, the first after 10. */
const START_EVERY = 20;
const START_FIRST = 10;

/**
 * Indices into batch × time of the warmed starts; `unbroken`: only those whose next steps cross no episode start.
 *
 * @param steps that come after a start
 */
export function warmedStarts(sequences: Sequences, unbroken: boolean, steps = LONGEST): number[] {
  const starts: number[] = [];
  for (let b = 0; b < sequences.batch; b++) {
    for (let t = START_FIRST; t + steps <= sequences.time; t += START_EVERY) {
      const at = b * sequences.time + t;
      const broken = sequences.first.subarray(at + 1, at + steps).includes(1);
      if (!unbroken || !broken) starts.push(at);
    }
  }
  return starts;
}

/** The state of every member at the given steps, indices into batch × time: [members, starts, …] each. */
export function startsOf<State extends States>(
  { states, predicted }: Observed<State>,
  starts: readonly number[],
): State {
  const [members, batch, time] = predicted.shape as [number, number, number];
  const indices = Array.from({ length: members }, (_, member) =>
    starts.map((at) => member * batch * time + at),
  );
  return statesAt(states, tf.tensor2d(indices, [members, starts.length], 'int32'));
}
