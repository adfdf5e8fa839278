import type { FlowRow } from './gradient-flow.ts';
import type { Sequences } from './replay.ts';
import type { MemberState } from './state.ts';

/** One row of a CSV, column by column; `null` stands for "not defined here" and becomes an empty cell. */
export type Row = Record<string, number | null>;

/** A moment at which a consumer may save or stop. */
interface Moment {
  step: number;
  update: number;
  /** Every member's state as it stands now; undefined for one that has failed. */
  save: () => Promise<(MemberState | undefined)[]>;
}

/** What `train` tells its consumer. `member` is the index on the leading axis. */
export type TrainingEvent =
  /** After every round with an update, and after an evaluation. */
  | ({ kind: 'step' } & Moment)
  /**
   * In between, however long that lasts: every few rounds without an update, and at every step of an evaluation's
   * episodes. A run that is stopped in an evaluation plays it again.
   */
  | ({ kind: 'alive' } & Moment)
  /** `recorded` are the first of the episodes that the averaged policy played. */
  | { kind: 'evaluation'; member: number; row: Row; recorded: Sequences }
  | { kind: 'losses'; member: number; row: Row }
  /** The gradients of the updates of the last round that were to be measured; before its `step`. */
  | { kind: 'gradients'; member: number; rows: (FlowRow & { env_step: number })[] }
  /** Episodes of training that have ended since the last of these, one at least; see `EpisodeLog`. */
  | { kind: 'episodes'; member: number; rows: Row[] }
  /** A member whose losses or weights are not finite. It gets no further events; the others go on. */
  | { kind: 'failure'; member: number; step: number; update: number; reason: string };
