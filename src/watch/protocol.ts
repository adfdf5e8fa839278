/** What the server of `wm watch` and its page say to each other, as JSON. It needs neither Node nor the DOM. */

export type Status = 'waiting' | 'running' | 'done' | 'failed' | 'interrupted';

/** How a seed stands. */
export interface SeedView {
  seed: number;
  status: Status;
  /** Why it failed, or why its curves cannot be read; null where neither is so. */
  reason: string | null;
  /** Environment steps at its last evaluation, and the reward there; 0 and null before the first. */
  step: number;
  reward: number | null;
  /** When it will be finished if it goes on as fast, in milliseconds since 1970; null where that is not known. */
  endsAt: number | null;
  /** Its newest picture, a name for `/picture`; null where there is none. */
  picture: string | null;
}

/** How a run stands. */
export interface RunView {
  /** Tells it from the others as long as the server runs. */
  id: number;
  /** What it is called beside the others: its arm, or its swept values. */
  label: string;
  folder: string;
  arm: string;
  method: string;
  environment: string;
  /** Environment steps of a finished seed. */
  steps: number;
  status: Status;
  /** Who writes to it, in words; null where nobody does. */
  holder: string | null;
  /** When its last seed will have ended, those that wait included; null where that is not known. */
  endsAt: number | null;
  seeds: SeedView[];
  /** The columns of its files that can be drawn. */
  columns: Record<CurveFile, string[]>;
  /** Grows whenever its curves do. */
  version: number;
}

/** A folder that cannot be read as a run, and why. */
export interface FaultView {
  folder: string;
  fault: string;
}

/** The event `news`. */
export interface News {
  /** The server's clock, in milliseconds since 1970. */
  now: number;
  /** The ids of all runs, in their order. */
  order: number[];
  /** The runs that stand otherwise than when the last news were sent; in the first, all. */
  changed: RunView[];
  faults: FaultView[];
}

/** The files of a seed that curves are drawn from. */
export const curveFiles = ['metrics', 'losses'] as const;
export type CurveFile = (typeof curveFiles)[number];

/** Columns that say where a row stands rather than what was measured there. */
export const placeColumns: readonly string[] = ['seed', 'env_step', 'update', 'wall_seconds', 'episodes'];

/** Some columns of a seed, thinned alike for all seeds of its run; null where there is no number. */
export interface SeedCurves {
  seed: number;
  columns: Record<string, (number | null)[]>;
}

/** `/curves?file=metrics&columns=reward_mean&runs=0,1`, one for each run that is there. */
export interface RunCurves {
  id: number;
  version: number;
  seeds: SeedCurves[];
}

export interface TableView {
  head: string[];
  numeric: boolean[];
  rows: string[][];
}

/** `/results`: Table 1 of what is finished, for each environment, and in which config keys the runs differ. */
export interface Results {
  environment: string;
  tables: TableView[];
  notes: string[];
  /** A row for each differing key, a column for each run. */
  differences: TableView;
}
