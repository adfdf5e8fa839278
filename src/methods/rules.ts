import { environmentEntry } from '../envs/index.ts';
import type { PixelSettings } from '../envs/pixels.ts';
import { isImage } from '../envs/spaces.ts';

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
  updateEvery: number;
  /** Updates once the random steps are over; default: 0. */
  pretraining?: number;
  /** There where it learns beside who acts. */
  realTime?: unknown;
  replay: { length: number; capacity: number };
}

/** Steps beyond the random ones until the first update. In real time, updates are made as soon as there is something to learn from. */
const stepsToUpdate = ({ updateEvery, pretraining = 0, realTime }: Omit<ReplayConfig, 'replay'>): number => {
  if (realTime) return 1;
  return pretraining > 0 ? 0 : updateEvery;
};

/** That there is an update. */
const firstUpdateRule: Rule<Omit<ReplayConfig, 'replay'>> = {
  keys: ['steps', 'randomSteps', 'updateEvery'],
  holds: (config) => config.steps >= config.randomSteps + stepsToUpdate(config),
  says: (config) => {
    const beyond = stepsToUpdate(config);
    const least = beyond === 0 ? '' : beyond === config.updateEvery ? ' + updateEvery' : ` + ${beyond}`;
    return `steps must be at least randomSteps${least}, or nothing is learnt`;
  },
};

/** What must hold between the keys of a method that learns from single transitions. */
export const transitionRules: readonly Rule<Omit<ReplayConfig, 'replay'>>[] = [firstUpdateRule];

/** That a window fits into the replay. */
export const windowRule: Rule<Pick<ReplayConfig, 'replay'>> = {
  keys: ['replay.length', 'replay.capacity'],
  holds: ({ replay }) => replay.length <= replay.capacity,
  says: 'replay.length must not exceed replay.capacity, or no window fits into the replay',
};

/** What must hold between the keys of a method that learns from replay. */
export const replayRules: readonly Rule<ReplayConfig>[] = [
  windowRule,
  {
    keys: ['randomSteps', 'replay.length'],
    holds: ({ randomSteps, replay }) => randomSteps >= replay.length,
    says: 'randomSteps must be at least replay.length, or the first update has no window',
  },
  firstUpdateRule,
];

/** Where images are from. */
export interface ImageSource extends Pick<RunLength, 'environment'> {
  pixels?: PixelSettings | undefined;
}

/** What images go through, and where they are from. */
export interface ImageConfig extends ImageSource {
  encoder: { channels: number | readonly number[]; strides: number | readonly number[] };
}

/** The sides of the images that a method sees; none where it sees vectors. */
export const sidesOf = ({ environment, pixels }: ImageSource): number[] => {
  const { observationSpace } = environmentEntry(environment!, { pixels }).make();
  return isImage(observationSpace) ? observationSpace.shape.slice(0, 2) : [];
};

/** By how much several convolutions divide the sides of an image; one alone does not. */
const divisorOf = ({ channels, strides }: ImageConfig['encoder']): number => {
  if (typeof channels === 'number') return 1;
  return channels.reduce(
    (divisor, _, i) => divisor * (typeof strides === 'number' ? strides : strides[i]!),
    1,
  );
};

/** What must hold between the keys of a method whose networks see images through convolutions. */
export const imageRules: readonly Rule<ImageConfig>[] = [
  {
    keys: ['encoder.strides', 'encoder.channels'],
    holds: ({ encoder: { channels, strides } }) =>
      typeof strides === 'number' || strides.length === (typeof channels === 'number' ? 0 : channels.length),
    says: 'encoder.strides lists one for each of several encoder.channels, or is one number for all',
  },
  {
    keys: ['encoder.channels', 'encoder.strides', 'environment'],
    // Without a stride for each there is nothing to divide by, which the rule above says.
    holds: (config) => sidesOf(config).every((side) => !(side % divisorOf(config.encoder) > 0)),
    says: (config) =>
      `encoder.channels and encoder.strides divide the sides of an image by ${divisorOf(config.encoder)}, and ${sidesOf(config).join(' × ')} cannot be divided so`,
  },
];
