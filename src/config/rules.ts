import type { Experiment } from './schema.ts';

/** A rule that concerns several keys of a resolved config. */
export interface Rule {
  /** The dotted keys concerned, the likeliest culprit first: an error points at the first one that the user wrote. */
  keys: readonly [string, ...string[]];
  holds: (experiment: Experiment) => boolean;
  /** What must hold, as a sentence without its full stop. */
  says: string;
}

/** What must hold between keys. */
export const rules: readonly Rule[] = [
  {
    keys: ['replay.length', 'replay.capacity'],
    holds: ({ replay }) => replay.length <= replay.capacity,
    says: 'replay.length must not exceed replay.capacity, or no window fits into the replay',
  },
  {
    keys: ['randomSteps', 'replay.length'],
    holds: ({ randomSteps, replay }) => randomSteps >= replay.length,
    says: 'randomSteps must be at least replay.length, or the first update has no window',
  },
  {
    keys: ['steps', 'randomSteps'],
    holds: ({ steps, randomSteps }) => steps > randomSteps,
    says: 'steps must exceed randomSteps, or nothing is learnt',
  },
];
