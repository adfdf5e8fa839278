import type { Experiment } from '../config/schema.ts';
import type { EngineName } from '../engine/names.ts';
import type { Row } from '../training/events.ts';

/** What a worker process is to do: train some seeds of a run, side by side. */
export interface Job {
  runDir: string;
  /** The names of the lock files that the parent holds there while this job trains. */
  locks: readonly string[];
  /** What these begin with as long as it holds them. */
  holder: string;
  experiment: Experiment;
  engine: EngineName;
  /** Seeds that stand at the same environment step. */
  seeds: number[];
  /** Environment steps after which the worker saves and gives its core to a job that waits. */
  turn: number;
}

/** What of a job a worker does: all of it or, in real time, one of the two things that are done at once. */
export type WorkerPart = 'all' | 'learning' | 'acting';

/** From the parent: the job once, then perhaps a request to save and stop. */
export type ParentMessage =
  | {
      kind: 'job';
      job: Job;
      part: WorkerPart;
      /** Whether it takes the place of a worker of this sitting that has died. */
      isReplacing: boolean;
    }
  | { kind: 'stop' };

/** From a worker. Every seed of its job ends with exactly one of `done`, `failed`, `interrupted` and `waiting`. */
export type WorkerMessage =
  | { kind: 'step'; seed: number; step: number }
  | { kind: 'evaluation'; seed: number; row: Row }
  /** What makes its results other than they seem. */
  | { kind: 'caution'; seed: number; text: string }
  /** `reason` where it is done before the end. */
  | { kind: 'done'; seed: number; reason?: string }
  | { kind: 'interrupted'; seed: number }
  /** Saved at the end of its turn: another worker goes on. */
  | { kind: 'waiting'; seed: number; step: number }
  /** `stack` where it is a bug rather than something a user can mend. */
  | { kind: 'failed'; seed: number; reason: string; stack?: string };

/** Whether a message is a seed's last one of its job. */
export const isEnd = ({ kind }: WorkerMessage): boolean => !['step', 'evaluation', 'caution'].includes(kind);
