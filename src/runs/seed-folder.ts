import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Checkpoint,
  type CheckpointFiles,
  dropDamaged,
  readCheckpoint,
  readSingleCheckpoint,
  type StoredCheckpoint,
  writeCheckpoint,
  writeSingleCheckpoint,
} from './checkpoint.ts';
import { CsvLog, type CsvRow } from './csv.ts';
import { type FailedUpdate, readFailure, writeFailure } from './failure.ts';
import { MediaFolder } from './media-folder.ts';
import { isSystemError, onDisk } from './on-disk.ts';
import { type DoneInfo, readDoneInfo, writeDoneInfo } from './records.ts';

/** The episodes of training: apart from episodes.csv, in which `wm eval` lists those that it played. */
export const TRAINING_EPISODES = 'training-episodes.csv';

/** What the gradients of some updates were, where they are measured. */
export const GRADIENTS = 'gradients.csv';

/**
 * One seed's folder, `seed-N` in a run folder. Making the object touches nothing, so that a worker process
 * can have its own; who holds the run's lock sees to it that each seed has one writer.
 */
export class SeedFolder {
  readonly seed: number;
  readonly dir: string;

  constructor(runDir: string, seed: number) {
    this.seed = seed;
    this.dir = join(runDir, `seed-${seed}`);
  }

  /**
   * Makes the folder. Not those above it: where the run folder was deleted, none may come back in its place.
   *
   * @throws UserError when the operating system refuses.
   */
  make(): void {
    onDisk(this.dir, () => {
      try {
        mkdirSync(this.dir);
      } catch (error) {
        // It is there, or another process has just made it.
        if (!isSystemError(error, 'EEXIST') || !existsSync(this.dir)) throw error;
      }
    });
  }

  /**
   * Opens metrics.csv, one row per evaluation.
   *
   * @param columns `seed` first, then `env_step`
   * @throws UserError when the file has other columns or cannot be written.
   */
  openMetrics(columns: readonly string[]): CsvLog {
    return this.#openLog('metrics.csv', columns);
  }

  /** Opens losses.csv, one row per log interval; otherwise like `openMetrics`. */
  openLosses(columns: readonly string[]): CsvLog {
    return this.#openLog('losses.csv', columns);
  }

  /** Opens training-episodes.csv, one row per episode of training; otherwise like `openMetrics`. */
  openEpisodes(columns: readonly string[]): CsvLog {
    return this.#openLog(TRAINING_EPISODES, columns);
  }

  /**
   * Opens gradients.csv, one row per gradient measured; otherwise like `openMetrics`.
   *
   * @param names the columns that hold names in place of numbers
   */
  openGradients(columns: readonly string[], names: readonly string[]): CsvLog<CsvRow> {
    this.make();
    return new CsvLog<CsvRow>(join(this.dir, GRADIENTS), columns, names);
  }

  /** Its pictures, one of each evaluation. @param every environment steps between two evaluations */
  media(every: number): MediaFolder {
    return new MediaFolder(this.dir, every);
  }

  #openLog(name: string, columns: readonly string[]): CsvLog {
    this.make();
    return new CsvLog(join(this.dir, name), columns);
  }

  /**
   * The newest checkpoint that is whole, or undefined before the first. Writes nothing.
   *
   * @throws UserError when there are some and none is whole.
   */
  readCheckpoint(): StoredCheckpoint | undefined {
    return readCheckpoint(this.#checkpoints);
  }

  /** Whether there is a checkpoint, whole or not. */
  hasCheckpoint(): boolean {
    const { newest, previous } = this.#checkpoints;
    return existsSync(newest) || existsSync(previous);
  }

  /** Like `readCheckpoint`, for a process that will write the next one: a damaged newest one is dropped. */
  resumeCheckpoint(): StoredCheckpoint | undefined {
    const checkpoint = this.readCheckpoint();
    if (checkpoint?.fallback) dropDamaged(this.#checkpoints);
    return checkpoint;
  }

  /**
   * Writes a checkpoint and keeps the one before.
   *
   * @param permit called when only the renames are left; throws where this process may no longer write
   * @throws UserError when the operating system refuses; what was the newest is then still there.
   */
  writeCheckpoint(checkpoint: Checkpoint, permit: () => void): void {
    writeCheckpoint(this.#checkpoints, checkpoint, permit);
  }

  /**
   * The state that its best evaluation played, as far as it takes to play it again; undefined where none is kept.
   *
   * @throws UserError when it is damaged.
   */
  readBest(): Checkpoint | undefined {
    return readSingleCheckpoint(this.#best);
  }

  /** Replaces what `readBest` gives. @throws UserError when the operating system refuses. */
  writeBest(checkpoint: Checkpoint, permit: () => void): void {
    writeSingleCheckpoint(this.#best, checkpoint, permit);
  }

  get #best(): string {
    return join(this.dir, 'checkpoint.best.safetensors');
  }

  get #checkpoints(): CheckpointFiles {
    const file = (name: string) => join(this.dir, name);
    return { newest: file('checkpoint.safetensors'), previous: file('checkpoint.previous.safetensors') };
  }

  /** Keeps an update that failed, for `wm replay-failure`. @throws UserError when the operating system refuses. */
  writeFailure(failure: FailedUpdate): void {
    writeFailure(this.#failure, failure);
  }

  /** The update that failed, or undefined where none did. @throws UserError when the file is damaged. */
  readFailure(): FailedUpdate | undefined {
    return readFailure(this.#failure);
  }

  get #failure(): string {
    return join(this.dir, 'failure.safetensors');
  }

  /** What the seed ended with, or undefined while it is not finished. @throws UserError when it is damaged. */
  done(): DoneInfo | undefined {
    return readDoneInfo(this.dir);
  }

  /** Marks the seed as finished; to be called after everything else is written. */
  markDone(info: Omit<DoneInfo, 'end'>): void {
    writeDoneInfo(this.dir, { ...info, end: new Date().toISOString() });
  }
}
