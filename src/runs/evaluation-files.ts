import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './atomic.ts';
import { type CsvRow, readCsv, writeCsv } from './csv.ts';
import { isSystemError } from './on-disk.ts';

/** A table to write. */
export interface EvaluationTable {
  columns: readonly string[];
  rows: readonly CsvRow[];
}

/** What an evaluation that is about to begin says of itself. */
export interface PlannedEvaluation {
  seeds: readonly number[];
  /** Per seed. */
  episodes: number;
}

/** The files `eval.csv` (one row per seed) and `episodes.csv` (one per episode) of a folder, or `eval-best.csv` and so on. */
export class EvaluationFiles {
  readonly dir: string;
  readonly #evaluation: string;
  readonly #episodes: string;

  /** @param suffix of both names, such as `-best` */
  constructor(dir: string, suffix: string) {
    this.dir = dir;
    this.#evaluation = join(dir, `eval${suffix}.csv`);
    this.#episodes = join(dir, `episodes${suffix}.csv`);
  }

  /** Makes the folder. @throws UserError where that is impossible. */
  make(): void {
    makeFolder(this.dir);
  }

  /** Why nothing can be written there, as a code of the operating system such as EROFS; null where it can. */
  obstacle(): string | null {
    try {
      accessSync(this.dir, constants.W_OK);
      return null;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return error.code ?? 'unknown';
    }
  }

  /**
   * What stands there that a new evaluation would lose, in words: more episodes, or seeds that it lacks. Null where it
   * holds at least as much.
   *
   * @throws UserError when the file is not readable.
   */
  worthMore({ seeds, episodes }: PlannedEvaluation): string | null {
    const rows = readCsv(this.#evaluation)?.rows ?? [];
    const lost = rows.map(({ seed }) => seed).filter((seed) => !seeds.includes(Number(seed)));
    if (lost.length > 0) return `${this.#evaluation} holds seed ${lost[0]}, which would be lost`;
    const most = Math.max(0, ...rows.map((row) => Number(row.episodes ?? 0)));
    if (most > episodes) return `${this.#evaluation} holds more episodes per seed (${most})`;
    return null;
  }

  /** Replaces both files, each in one step. @throws UserError when the operating system refuses. */
  write(evaluation: EvaluationTable, episodes: EvaluationTable): void {
    writeCsv(this.#evaluation, evaluation.columns, evaluation.rows);
    writeCsv(this.#episodes, episodes.columns, episodes.rows);
  }
}
