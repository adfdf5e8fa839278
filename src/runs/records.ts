import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { readText, replaceFile } from './atomic.ts';

/** The two small JSON records of a run: `run.json` (the run) and `seed-N/done.json` (a finished seed). */

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

const doneInfo = z.object({
  /** Environment steps and gradient updates that the seed made. */
  steps: z.int().min(0),
  updates: z.int().min(0),
  /** Seconds of training, summed over all sittings. */
  wallSeconds: z.number().min(0),
  engine: z.string(),
  device: z.string(),
  /** ISO 8601. */
  end: z.string(),
});
export type DoneInfo = z.infer<typeof doneInfo>;

/**
 * A run folder's run.json, or undefined where there is none.
 *
 * @throws UserError when it is damaged or made by a newer wm.
 */
export function readRunInfo(dir: string): RunInfo | undefined {
  return readRecord(join(dir, 'run.json'), runInfo, dir);
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
  return readRecord(join(seedDir, 'done.json'), doneInfo, seedDir);
}

/** Writes done.json in one step. @throws UserError when the operating system refuses. */
export function writeDoneInfo(seedDir: string, info: DoneInfo): void {
  writeRecord(join(seedDir, 'done.json'), info);
}

function writeRecord(file: string, record: RunInfo | DoneInfo): void {
  replaceFile(file, `${JSON.stringify(record, null, 2)}\n`);
}

/** Bytes of a record: room for 10,000 seeds that failed, each with its reason. */
const LARGEST_RECORD = 2 ** 24;

function readRecord<T>(file: string, schema: z.ZodType<T>, dir: string): T | undefined {
  const text = readText(file, LARGEST_RECORD);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${file}: damaged (not readable as JSON); restore it or delete ${dir}`);
  }
  const version = z.object({ schemaVersion: z.int().gt(SCHEMA_VERSION) }).safeParse(value);
  if (version.success) {
    const { schemaVersion } = version.data;
    throw new UserError(
      `${file}: made by a newer wm (schema ${schemaVersion}, this one knows ${SCHEMA_VERSION}); update wm`,
    );
  }
  const record = schema.safeParse(value);
  if (record.success) return record.data;
  const { path, message } = record.error.issues[0]!;
  throw new UserError(`${file}: ${path.join('.')}: ${message}; restore it or delete ${dir}`);
}
