/** What rules may read of every config, besides the method's own settings. */
export interface RunLength {
  /** Where it acts; there in every config. */
  environment?: string;
  /** Environment steps per seed; of a method that learns from a data set, updates. */
  steps: number;
  /** Likewise, between evaluations. */
  evaluation: { every: number };
}

/** A rule that concerns several keys of a resolved config. */
export interface Rule<Config> {
  /** The dotted keys concerned, the likeliest culprit first: an error points at the first one that the user wrote. */
  keys: readonly [string, ...string[]];
  holds: (config: Config) => boolean;
  /** What must hold, as a sentence without its full stop; a function where it names a number that depends on others. */
  says: string | ((config: Config) => string);
}

/** What those rules read. */
export interface ReplayConfig {
  steps: number;
  randomSteps: number;
  replay: { length: number; capacity: number };
}

/** What must hold between the keys of a method that learns from replay. */
export const replayRules: readonly Rule<ReplayConfig>[] = [
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

/** What must hold between the keys of a method that learns from single transitions. */
export const transitionRules: readonly Rule<
  Pick<ReplayConfig, 'steps' | 'randomSteps'> & { updateEvery: number }
>[] = [
  {
    keys: ['steps', 'randomSteps', 'updateEvery'],
    holds: ({ steps, randomSteps, updateEvery }) => steps >= randomSteps + updateEvery,
    says: 'steps must be at least randomSteps + updateEvery, or nothing is learnt',
  },
];
