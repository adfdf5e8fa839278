import { join } from 'node:path';
import { makeFolder } from './atomic.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { CsvLog } from './csv.ts';
import { type DoneInfo, readDoneInfo, writeDoneInfo } from './records.ts';

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

  #openLog(name: string, columns: readonly string[]): CsvLog {
    makeFolder(this.dir);
    return new CsvLog(join(this.dir, name), columns);
  }

  /** The last checkpoint, or undefined before the first. @throws UserError when it is damaged. */
  readCheckpoint(): Checkpoint | undefined {
    return readCheckpoint(this.#checkpoint);
  }

  /** Replaces the checkpoint in one step. @throws UserError when the operating system refuses. */
  writeCheckpoint(checkpoint: Checkpoint): void {
    makeFolder(this.dir);
    writeCheckpoint(this.#checkpoint, checkpoint);
  }

  get #checkpoint(): string {
    return join(this.dir, 'checkpoint.safetensors');
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
