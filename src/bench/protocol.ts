import type { Experiment } from '../config/schema.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { ReplaySettings } from '../training/replay-learner.ts';
import { updateParts } from '../training/update-parts.ts';

/** A config of a method that learns from replay. */
export type TimedExperiment = Extract<Experiment, ReplaySettings>;

/**
 * What `wm bench` asks a contestant to time. `update` and its parts are one update of all members, `collect` one
 * environment step of all members, `evaluate` one evaluation of all members whose episodes all last until the time
 * limit, `sgemm` one product of square float32 matrices.
 */
export const measures = ['update', ...updateParts, 'collect', 'evaluate', 'sgemm'] as const;
/** What a contestant can be asked besides is `act`: the actions of so many environments of every member, none stepped. */
export type Measure = (typeof measures)[number] | 'act';

/** What a contestant is to prepare for. */
export interface Setup {
  experiment: TimedExperiment;
  /** Of its environment, which peers need not know. */
  spaces: AgentSpaces;
  members: number;
  /** Of every member, that `act` is for; default: 1. */
  environments?: number;
  /** Those to warm up. */
  measures: readonly Measure[];
  /** Rows of the matrices of `sgemm`. */
  sgemmSize: number;
}

/** From `wm bench` to a contestant, one JSON object a line: `prepare` once, `time` per sample, `finish` last. */
export type Request = ({ kind: 'prepare' } & Setup) | { kind: 'time'; measure: Measure } | { kind: 'finish' };

/** The answer to `prepare`, after warming up. */
export interface Prepared {
  device: string;
  version: string;
  /** tfjs kernels that one update calls; null for a peer. */
  operations: number | null;
  /** Those of the measures asked for that the contestant can take. */
  measures: Measure[];
}

/** The answer to `time`: for one unit of the measure. */
export interface Timed {
  /** On the clock. */
  seconds: number;
  /** Of processor time, all threads together: more where several compute, less where the process had to wait. */
  cpuSeconds: number;
}

/** The answer to `finish`. */
export interface Finished {
  /** Largest resident set of the process so far, 2^20 bytes. */
  peakMegabytes: number;
}

/** The answer to any request that failed for a reason that a user can mend. */
export interface Refused {
  refused: string;
}
