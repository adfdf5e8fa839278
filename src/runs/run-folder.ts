import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.ts';
import { appendLines, createFile, makeFolder, readText, replaceFile } from './atomic.ts';
import { type CsvRow, wholeLines, writeCsv } from './csv.ts';
import { acquireLock, type LapsedLocks, type LockClaim, LockHeldError, type RunLock } from './lock.ts';
import { signatureOf, thisOwner } from './lock-owner.ts';
import { onDisk } from './on-disk.ts';
import {
  type Origin,
  type RunInfo,
  readRunInfo,
  readSeedRecords,
  recordText,
  removeSeedRecord,
  SCHEMA_VERSION,
  type SeedRecordInfo,
  type SeedStatus,
  type SittingRecord,
  sittingsOf,
  writeRunInfo,
  writeSeedRecord,
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
const LEFT_BY_A_START =
  /^(run\..*(lock|tmp)|config\.yaml(\..*tmp)?|sweep\.yaml\..*tmp|sweep\.yaml\.tmp|slurm)$/;

/**
 * A run folder that this process may write to, until `close`: the whole run or, with others beside it, a share of its
 * seeds. Who has a share writes into the folders and records of those seeds and nowhere else.
 */
export class RunFolder {
  readonly dir: string;
  /** Whether the folder held a run before. */
  readonly resumed: boolean;
  /** The config that the folder holds: the caller compares it with its own. */
  readonly configText: string;
  #info: RunInfo;
  readonly #lock: RunLock;
  /** The seeds of which it has the records; undefined where it has the whole run. */
  readonly #share: readonly number[] | undefined;
  /** The records of seeds that stood here when it was opened and are in no run.json. */
  readonly #records: Map<number, SeedRecordInfo>;
  readonly #written = new Map<number, SeedRecordInfo>();
  /** This process's own. */
  #sitting: SittingRecord[] = [];
  /** Of the run, when it was opened. */
  readonly #secondsBefore: number;

  /** Whether there is something of that name, a run folder or not. */
  static isThere(dir: string): boolean {
    return existsSync(dir);
  }

  /**
   * Opens the run folder `dir`, or makes it with config.yaml and run.json. In an existing one nothing but
   * the lock is written, so that the caller can still refuse it.
   *
   * @param claim the share of its seeds that is asked for; the whole run, unless said
   * @throws UserError when the folder is of another kind, made by a newer wm, damaged, in use by another
   *   process, or not writable.
   */
  static open(dir: string, run: { configText: string; info: NewRunInfo }, claim: LockClaim = {}): RunFolder {
    refuseOtherFolders(dir, 'run', 'run.json');
    makeFolder(dir);
    const lock = acquireLock(dir, claim);
    try {
      return new RunFolder(dir, lock, run, claim.share);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Opens a run folder that is there; null where another process has it, or a share of it. */
  static openUnlessHeld(dir: string, lapsed?: LapsedLocks): RunFolder | null {
    const info = readRunInfo(dir);
    const configText = readText(join(dir, 'config.yaml'));
    if (info === undefined || configText === undefined) return null;
    try {
      return RunFolder.open(dir, { configText, info }, { lapsed });
    } catch (error) {
      if (error instanceof LockHeldError) return null;
      throw error;
    }
  }

  private constructor(
    dir: string,
    lock: RunLock,
    run: { configText: string; info: NewRunInfo },
    share: readonly number[] | undefined,
  ) {
    this.dir = dir;
    this.#lock = lock;
    this.#share = share;
    this.#records = readSeedRecords(dir);
    const info = readRunInfo(dir);
    const configFile = join(dir, 'config.yaml');
    const configText = readText(configFile);
    this.resumed = info !== undefined;
    this.#secondsBefore = info?.seconds ?? 0;
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
    this.configText = run.configText;
    const start = new Date().toISOString();
    const empty = { start, end: null, seconds: 0, failures: {}, sittings: [] };
    const fresh: RunInfo = { schemaVersion: SCHEMA_VERSION, ...run.info, ...empty };
    if (share === undefined) {
      replaceFile(configFile, run.configText);
      writeRunInfo(dir, fresh);
      this.#info = fresh;
      return;
    }
    // Who has another share may be making the folder too.
    const maker = signatureOf(thisOwner());
    createFile(configFile, run.configText, maker);
    if (readText(configFile) !== run.configText) {
      throw new UserError(
        `${configFile} is of another run, which is just being made; use another --name, or start both with one config`,
      );
    }
    createFile(join(dir, 'run.json'), recordText(fresh), maker);
    this.#info = readRunInfo(dir) ?? fresh;
  }

  /** What run.json says, and the records of seeds. */
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
    this.#sitting = [sitting];
    this.#writeInfo({ ...this.#info, ...origin, end: null, sittings: [...sittingsOf(this.#info), sitting] });
  }

  /** Notes in run.json that the sitting has ended, after `seconds`. */
  markEnd(seconds: number): void {
    const end = new Date().toISOString();
    const sittings = sittingsOf(this.#info);
    const ended = sittings.map((each, i) => (i === sittings.length - 1 ? { ...each, end } : each));
    this.#sitting = ended.slice(-1);
    this.#writeInfo({ ...this.#info, end, seconds: this.#info.seconds + seconds, sittings: ended });
  }

  /** Notes in run.json that every seed has ended: some are done, whatever their records say, the others as these have it. */
  markEnded(done: readonly number[]): void {
    const status = { ...this.#info.status };
    const failures = { ...this.#info.failures };
    for (const seed of done) {
      status[seed] = 'done';
      delete failures[seed];
    }
    this.#writeInfo({ ...this.#info, status, failures, end: this.#info.end ?? new Date().toISOString() });
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
    if (this.#share !== undefined) this.#writeRecords(this.#share, info);
    else {
      writeRunInfo(this.dir, info);
      for (const seed of this.#records.keys()) removeSeedRecord(this.dir, seed);
      this.#records.clear();
    }
    this.#info = info;
  }

  /** Writes what of `info` is not in the records of the share's seeds. */
  #writeRecords(share: readonly number[], info: RunInfo): void {
    for (const [i, seed] of share.entries()) {
      const { sittings = [], seconds = 0 } = this.#records.get(seed) ?? {};
      const record: SeedRecordInfo = {
        schemaVersion: SCHEMA_VERSION,
        status: info.status[seed] ?? 'waiting',
        failure: info.failures[seed] ?? null,
        // The share's time is one, and stands in one of its records.
        seconds: seconds + (i === 0 ? info.seconds - this.#secondsBefore : 0),
        end: info.end,
        sittings: [...sittings, ...this.#sitting],
      };
      if (isDeepStrictEqual(this.#written.get(seed), record)) continue;
      writeSeedRecord(this.dir, seed, record);
      this.#written.set(seed, record);
    }
  }

  /** Appends an event with the present time to events.jsonl, or to that of the share's first seed. */
  logEvent(event: RunEvent): void {
    this.#lock.check();
    const line = JSON.stringify({ time: new Date().toISOString(), ...event });
    // No two processes append to one file.
    const name = this.#share === undefined ? 'events.jsonl' : `events.seed-${this.#share[0]}.jsonl`;
    appendLines(join(this.dir, name), `${line}\n`);
  }

  /** The folder of one seed. */
  seed(seed: number): SeedFolder {
    return new SeedFolder(this.dir, seed);
  }

  /** Whether the files of all seeds together are there. */
  get hasSums(): boolean {
    return ['summary.csv', 'metrics.csv'].every((name) => existsSync(join(this.dir, name)));
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
