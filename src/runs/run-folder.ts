import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { appendLines, makeFolder, onDisk, readText, replaceFile } from './atomic.ts';
import { type CsvRow, wholeLines, writeCsv } from './csv.ts';
import { acquireLock, type RunLock } from './lock.ts';
import {
  type Origin,
  type RunInfo,
  readRunInfo,
  SCHEMA_VERSION,
  type SeedStatus,
  sittingsOf,
  writeRunInfo,
} from './records.ts';
import { SeedFolder } from './seed-folder.ts';
import { summaryColumns } from './summary.ts';

/** What a caller says of a run when its folder is made; the folder itself adds the times. */
export type NewRunInfo = Omit<
  RunInfo,
  'schemaVersion' | 'start' | 'end' | 'seconds' | 'failures' | 'sittings'
>;

/** Something to remember in events.jsonl: a start, a resume, an engine fallback, a warning, an end. */
export interface RunEvent {
  kind: string;
  [detail: string]: unknown;
}

/** A folder without its record that holds nothing but these was left by a start that was killed. */
const LEFT_BY_A_START = /^(run\..*(lock|tmp)|config\.yaml(\.tmp)?|sweep\.yaml\.tmp)$/;

/** A run folder that this process may write to, until `close`. */
export class RunFolder {
  readonly dir: string;
  /** Whether the folder held a run before. */
  readonly resumed: boolean;
  /** The config that the folder holds: the caller compares it with its own. */
  readonly configText: string;
  #info: RunInfo;
  readonly #lock: RunLock;

  /** Whether there is something of that name, a run folder or not. */
  static isThere(dir: string): boolean {
    return existsSync(dir);
  }

  /**
   * Opens the run folder `dir`, or makes it with config.yaml and run.json. In an existing one nothing but
   * the lock is written, so that the caller can still refuse it.
   *
   * @throws UserError when the folder is of another kind, made by a newer wm, damaged, in use by another
   *   process, or not writable.
   */
  static open(dir: string, run: { configText: string; info: NewRunInfo }): RunFolder {
    refuseOtherFolders(dir, 'run', 'run.json');
    makeFolder(dir);
    const lock = acquireLock(dir);
    try {
      return new RunFolder(dir, lock, run);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(dir: string, lock: RunLock, run: { configText: string; info: NewRunInfo }) {
    this.dir = dir;
    this.#lock = lock;
    const info = readRunInfo(dir);
    const configFile = join(dir, 'config.yaml');
    const configText = readText(configFile);
    this.resumed = info !== undefined;
    if (info !== undefined) {
      if (configText === undefined) {
        throw new UserError(`${configFile}: missing; restore it or use another --name`);
      }
      this.configText = configText;
      this.#info = info;
      return;
    }
    // run.json comes last: where it stands, the folder is complete.
    // A config without run.json is what a start left that was killed, or somebody's own file.
    if (configText !== undefined && configText !== run.configText) {
      throw new UserError(`${configFile} is of another run or your own; move it away or use another --name`);
    }
    replaceFile(configFile, run.configText);
    this.configText = run.configText;
    const start = new Date().toISOString();
    const empty = { start, end: null, seconds: 0, failures: {}, sittings: [] };
    this.#info = { schemaVersion: SCHEMA_VERSION, ...run.info, ...empty };
    writeRunInfo(dir, this.#info);
  }

  /** What run.json says. */
  get info(): RunInfo {
    return this.#info;
  }

  /** Whose stale lock was taken over, e.g. "process 1234"; null where there was none. */
  get takenOver(): string | null {
    return this.#lock.takenOver;
  }

  /**
   * Makes the folder that of a longer run, or of one with more seeds. The config comes first, whole: from then on the
   * folder is that run's, whatever of its seeds was finished in the shorter one.
   *
   * @param waiting the seeds that are to be trained
   */
  extend(configText: string, waiting: readonly number[]): void {
    this.#lock.check();
    replaceFile(join(this.dir, 'config.yaml'), configText);
    const status = { ...this.#info.status };
    for (const seed of waiting) status[seed] = 'waiting';
    this.#writeInfo({ ...this.#info, status, end: null });
  }

  /** Notes in run.json that a sitting begins, and what it is made by. */
  markStart(origin: Origin): void {
    const sitting = { start: new Date().toISOString(), end: null, ...origin };
    this.#writeInfo({ ...this.#info, ...origin, end: null, sittings: [...sittingsOf(this.#info), sitting] });
  }

  /** Notes in run.json that the sitting has ended, after `seconds`. */
  markEnd(seconds: number): void {
    const end = new Date().toISOString();
    const sittings = sittingsOf(this.#info);
    const ended = sittings.map((each, i) => (i === sittings.length - 1 ? { ...each, end } : each));
    this.#writeInfo({ ...this.#info, end, seconds: this.#info.seconds + seconds, sittings: ended });
  }

  /** Sets the status of one seed in run.json; `reason` says why a failed one failed. */
  setStatus(seed: number, status: SeedStatus, reason?: string): void {
    const { [seed]: _, ...failures } = this.#info.failures;
    this.#writeInfo({
      ...this.#info,
      status: { ...this.#info.status, [seed]: status },
      failures: reason === undefined ? failures : { ...failures, [seed]: reason },
    });
  }

  #writeInfo(info: RunInfo): void {
    this.#lock.check();
    writeRunInfo(this.dir, info);
    this.#info = info;
  }

  /** Appends an event with the present time to events.jsonl. */
  logEvent(event: RunEvent): void {
    this.#lock.check();
    const line = JSON.stringify({ time: new Date().toISOString(), ...event });
    appendLines(join(this.dir, 'events.jsonl'), `${line}\n`);
  }

  /** The folder of one seed. */
  seed(seed: number): SeedFolder {
    return new SeedFolder(this.dir, seed);
  }

  /** Writes summary.csv, one row per finished seed with every one of `summaryColumns`. */
  writeSummary(rows: readonly CsvRow[]): void {
    this.#lock.check();
    writeCsv(join(this.dir, 'summary.csv'), summaryColumns, rows);
  }

  /**
   * Joins the metrics.csv of every seed that has one, in ascending order of the seeds, into the run's own.
   *
   * @throws UserError when their columns differ.
   */
  joinMetrics(): void {
    const file = join(this.dir, 'metrics.csv');
    let header: string | undefined;
    const bodies: string[] = [];
    for (const seed of Object.keys(this.#info.status).sort((a, b) => Number(a) - Number(b))) {
      const part = join(this.seed(Number(seed)).dir, 'metrics.csv');
      const text = wholeLines(readText(part) ?? '');
      if (text === '') continue;
      const start = text.indexOf('\n') + 1;
      header ??= text.slice(0, start);
      if (text.slice(0, start) !== header) {
        throw new UserError(`${part}:1: has other columns than the seeds before it; restore this file`);
      }
      bodies.push(text.slice(start));
    }
    this.#lock.check();
    if (header !== undefined) replaceFile(file, header + bodies.join(''));
  }

  /** Gives the folder back to other processes. */
  close(): void {
    this.#lock.release();
  }
}

/**
 * Keeps a folder of something else from being written into.
 *
 * @param kind what the folder is to be of, in words
 * @param record the file that makes it one
 * @throws UserError when `dir` exists and is neither empty nor of this kind, or holds a symbolic link, through which a
 *   run that came from elsewhere could write anywhere.
 */
export function refuseOtherFolders(dir: string, kind: string, record: string): void {
  const found = onDisk(dir, () => statSync(dir, { throwIfNoEntry: false }));
  if (found === undefined) return;
  if (!found.isDirectory()) throw new UserError(`${dir} is a file, not a folder; use another --name`);
  const names = entriesWithoutLinks(dir).map(({ name }) => name);
  const other = names.find((name) => !LEFT_BY_A_START.test(name));
  if (other !== undefined && !names.includes(record)) {
    throw new UserError(
      `${dir} is no ${kind} folder: it holds ${other} and no ${record}; use another --name or --runs`,
    );
  }
}

/** What stands in a run folder, its seeds' folders looked into as well. @throws UserError when one is a symbolic link. */
export function entriesWithoutLinks(dir: string): Dirent[] {
  const entries = onDisk(dir, () => readdirSync(dir, { withFileTypes: true }));
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.isSymbolicLink()) {
      throw new UserError(`${path}: ${dir} may hold no symbolic link; put the file or folder itself there`);
    }
    if (entry.isDirectory() && entry.name.startsWith('seed-')) entriesWithoutLinks(path);
  }
  return entries;
}
