import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { namesIn, readText, removeFile, replaceFile } from './atomic.ts';

/**
 * The small JSON records of a run: `run.json` (the run), `seed-N/done.json` (a finished seed), and `run.seed-N.json` of
 * each seed that a process trains which has not the whole run: several may do so at once, and none can write run.json.
 */

/** The version of the run folder's layout and columns that this wm writes. It reads this and older ones. */
export const SCHEMA_VERSION = 1;

const seedStatus = z.enum(['waiting', 'running', 'done', 'failed', 'interrupted']);
export type SeedStatus = z.infer<typeof seedStatus>;

/** What a sitting was made by and where: what its numbers may depend on, and the command that asked for it. */
const origin = {
  wmVersion: z.string(),
  /** Commit of wm's own source; null where it is not a checkout. */
  gitCommit: z.string().nullable(),
  /** SHA-256 of what the source has beyond that commit; null where it has nothing. Absent before it was recorded. */
  gitChanges: z.string().nullable().optional(),
  /** Version of Node. */
  node: z.string(),
  /** What really computed; `reason` says why nothing better did, null where there is nothing better. */
  engine: z.object({
    name: z.string(),
    device: z.string(),
    version: z.string(),
    reason: z.string().nullable(),
  }),
  host: z.string(),
  platform: z.string(),
  /** Model of the processor. Absent before it was recorded. */
  processor: z.string().optional(),
  cores: z.int().min(1),
  /** The job of a batch system that it was a part of, and how often that was begun anew; absent where there was none. */
  job: z.object({ id: z.string(), restarts: z.int().min(0) }).optional(),
  /** The words of the command line. */
  command: z.array(z.string()),
};
export type Origin = z.infer<z.ZodObject<typeof origin>>;

const sittingRecord = z.object({
  /** ISO 8601, of the first seed's start and of the end; null while it goes on, and for ever where it was killed. */
  start: z.string(),
  end: z.string().nullable(),
  ...origin,
});
export type SittingRecord = z.infer<typeof sittingRecord>;

const runInfo = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  /** Of the last sitting. */
  ...origin,
  /** ISO 8601, of the first start and of the last end; null while the run has not ended. */
  start: z.string(),
  end: z.string().nullable(),
  /** Seconds that the run took, summed over all sittings. */
  seconds: z.number().min(0),
  /** By seed. */
  status: z.record(z.string(), seedStatus),
  /** By seed, of those that failed: why. */
  failures: z.record(z.string(), z.string()),
  method: z.string(),
  arm: z.string(),
  /** Every sitting in which a seed was trained, the first first. Absent before they were kept. */
  sittings: z.array(sittingRecord).optional(),
});
export type RunInfo = z.infer<typeof runInfo>;

/** The sittings of a run; of one made before they were kept, the last, which is all that it tells. */
export function sittingsOf(info: RunInfo): SittingRecord[] {
  return info.sittings ?? [sittingRecord.parse(info)];
}

const seedRecord = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  status: seedStatus,
  /** Why it failed; null where it did not. */
  failure: z.string().nullable(),
  /** Seconds of its sittings; 0 in all records but one of seeds that were trained together. */
  seconds: z.number().min(0),
  end: z.string().nullable(),
  /** Those in which it was trained alone or with some others. */
  sittings: z.array(sittingRecord),
});
export type SeedRecordInfo = z.infer<typeof seedRecord>;

const SEED_RECORD = /^run\.seed-(\d+)\.json$/;
const seedRecordOf = (dir: string, seed: number) => join(dir, `run.seed-${seed}.json`);

const doneInfo = z.object({
  /** Environment steps and gradient updates that the seed made. */
  steps: z.int().min(0),
  updates: z.int().min(0),
  /** Seconds of training, summed over all sittings. */
  wallSeconds: z.number().min(0),
  engine: z.string(),
  device: z.string(),
  /** The worker process in which it ended: the seeds that trained there. Absent before it was recorded. */
  worker: z.object({ seeds: z.array(z.int()) }).optional(),
  /** Whether it ended because it met `stopWhen`. Absent where the config has no such key. */
  metStopWhen: z.boolean().optional(),
  /** ISO 8601. */
  end: z.string(),
});
export type DoneInfo = z.infer<typeof doneInfo>;

/**
 * Whether a seed that ended like this is finished in a run of this length: the run may have been made longer since. One
 * that met `stopWhen` is, unless it was at an end that does not stand in the longer run.
 */
export function isFinished(
  { steps, metStopWhen = false }: DoneInfo,
  plan: { steps: number; evaluation: { every: number } },
): boolean {
  return steps >= plan.steps || (metStopWhen && steps % plan.evaluation.every === 0);
}

/** What even a newer wm's run.json has. */
const versionOnly = z.object({ schemaVersion: z.int() });

/**
 * What run.json and the records of seeds say of a run, or undefined where there is no run.json.
 *
 * @param names what stands in the folder, where that is known
 * @throws UserError when it is damaged, made by a newer wm, or by another program: run.json is a common name.
 */
export function readRunInfo(dir: string, names?: readonly string[]): RunInfo | undefined {
  const info = readWholeInfo(dir);
  return info && withSeedRecords(info, readSeedRecords(dir, names));
}

/** The records of seeds that are trained, or were, by processes that did not have the whole run. */
export function readSeedRecords(dir: string, names?: readonly string[]): Map<number, SeedRecordInfo> {
  const records = new Map<number, SeedRecordInfo>();
  for (const name of names ?? namesIn(dir)) {
    const seed = SEED_RECORD.exec(name)?.[1];
    const file = join(dir, name);
    const value = seed === undefined ? undefined : readJson(file);
    if (value !== undefined) records.set(Number(seed), checked(value, seedRecord, file));
  }
  return records;
}

/** Replaces the record of a seed in one step. @throws UserError when the operating system refuses. */
export function writeSeedRecord(dir: string, seed: number, record: SeedRecordInfo): void {
  writeRecord(seedRecordOf(dir, seed), record);
}

/** Deletes the record of a seed: run.json holds what it said. @throws UserError when the operating system refuses. */
export function removeSeedRecord(dir: string, seed: number): void {
  removeFile(seedRecordOf(dir, seed));
}

/** The run as the records of its seeds have it too. */
function withSeedRecords(info: RunInfo, records: ReadonlyMap<number, SeedRecordInfo>): RunInfo {
  if (records.size === 0) return info;
  const status = { ...info.status };
  const failures = { ...info.failures };
  // Seeds that are trained together have the same sittings.
  const sittings = new Map(sittingsOf(info).map((sitting) => [identityOf(sitting), sitting]));
  const known = new Set(sittings.keys());
  let { seconds } = info;
  for (const [seed, record] of records) {
    status[seed] = record.status;
    delete failures[seed];
    if (record.failure !== null) failures[seed] = record.failure;
    // A kill can come between writing run.json and deleting what went into it.
    if (record.sittings.some((sitting) => !known.has(identityOf(sitting)))) seconds += record.seconds;
    for (const sitting of record.sittings) sittings.set(identityOf(sitting), sitting);
  }
  const all = [...sittings.values()].sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
  const { start: _, end: __, ...origin } = all.at(-1) ?? sittingRecord.parse(info);
  const ends = [...records.values()].map(({ end }) => end);
  const end = ends.includes(null) ? null : ends.toSorted().at(-1)!;
  return { ...info, ...origin, end, seconds, status, failures, sittings: all };
}

const identityOf = (sitting: SittingRecord) => JSON.stringify({ ...sitting, end: null });

function readWholeInfo(dir: string): RunInfo | undefined {
  const file = join(dir, 'run.json');
  const value = readJson(file);
  if (value === undefined) return undefined;
  const { success, data } = versionOnly.safeParse(value);
  if (!success) {
    throw new UserError(
      `${file}: not written by wm (it has no schemaVersion), so ${dir} is no run folder; give another folder`,
    );
  }
  if (data.schemaVersion > SCHEMA_VERSION) {
    throw new UserError(
      `${file}: made by a newer wm (schema ${data.schemaVersion}, this one knows ${SCHEMA_VERSION}); update wm`,
    );
  }
  return checked(value, runInfo, file);
}

/** Replaces run.json in one step. @throws UserError when the operating system refuses. */
export function writeRunInfo(dir: string, info: RunInfo): void {
  writeRecord(join(dir, 'run.json'), info);
}

/**
 * A seed's done.json, or undefined while the seed is not finished.
 *
 * @throws UserError when it is damaged.
 */
export function readDoneInfo(seedDir: string): DoneInfo | undefined {
  const file = join(seedDir, 'done.json');
  const value = readJson(file);
  return value === undefined ? undefined : checked(value, doneInfo, file);
}

/** Writes done.json in one step. @throws UserError when the operating system refuses. */
export function writeDoneInfo(seedDir: string, info: DoneInfo): void {
  writeRecord(join(seedDir, 'done.json'), info);
}

function writeRecord(file: string, record: RunInfo | SeedRecordInfo | DoneInfo): void {
  replaceFile(file, recordText(record));
}

/** A record as its file holds it. */
export const recordText = (record: RunInfo | SeedRecordInfo | DoneInfo): string =>
  `${JSON.stringify(record, null, 2)}\n`;

/** Bytes of a record: room for 10,000 seeds that failed, each with its reason. */
const LARGEST_RECORD = 2 ** 24;

/** What a file says, or undefined where there is none. @throws UserError when it is not JSON. */
function readJson(file: string): unknown {
  const text = readText(file, LARGEST_RECORD);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError(
      `${file}: damaged (not readable as JSON); restore it from a copy, or give another folder`,
    );
  }
}

/** @throws UserError naming the first field that is not as the schema has it. */
function checked<T>(value: unknown, schema: z.ZodType<T>, file: string): T {
  const record = schema.safeParse(value);
  if (record.success) return record.data;
  const { path, message } = record.error.issues[0]!;
  throw new UserError(
    `${file}: ${path.join('.')}: ${message}; restore it from a copy, or give another folder`,
  );
}
