import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { SUBMISSION } from '../cluster/slurm.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { makeFolder, readText, replaceFile, timeOfDisk } from './atomic.ts';
import { signatureOf, thisOwner } from './lock-owner.ts';

/** What was submitted for a sweep or a run, in its folder `slurm`. */
const submissionRecord = z.object({
  /** Numbers of the jobs; null where scripts were only written. */
  array: z.string().nullable(),
  compare: z.string().nullable(),
  /** ISO 8601, by the clock of the host that it was submitted on. */
  time: z.string(),
  host: z.string(),
  tasks: z.int().min(1),
});
export type SubmissionRecord = z.infer<typeof submissionRecord>;

const RECORD = 'submission.json';
const CONFIG = 'config.yaml';
/** Bytes. */
const LARGEST_RECORD = 2 ** 16;

/** Where the config of a submitted run stands until its first task makes the run folder. */
export const submittedConfig = (dir: string): string => join(dir, SUBMISSION.folder, CONFIG);

/** The experiment that a run's folder was submitted with; undefined where there is none. @throws UserError where it is damaged. */
export function submittedExperiment(dir: string): Experiment | undefined {
  const file = submittedConfig(dir);
  const text = readText(file);
  return text === undefined ? undefined : loadExperiment({ file, text });
}

/** The last submission of a folder; undefined where there is none that can be read. */
export function readSubmission(dir: string): SubmissionRecord | undefined {
  const text = readText(join(dir, SUBMISSION.folder, RECORD), LARGEST_RECORD);
  if (text === undefined) return undefined;
  try {
    return submissionRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What stands in the probe file of the last submission of a folder; undefined where there is none. */
export const readProbe = (dir: string): string | undefined =>
  readText(join(dir, SUBMISSION.folder, SUBMISSION.probe), LARGEST_RECORD)?.trim() || undefined;

/**
 * Writes the scripts of a submission, its probe and its record into the folder of what is trained, and makes room for the
 * logs.
 *
 * @param config the run's; of a sweep undefined, which has its sweep.yaml
 * @param record undefined where the one that is there is to stay
 * @throws UserError when the operating system refuses.
 */
export function writeSubmission(
  dir: string,
  files: { array: string; compare: string; probe: string; config?: string | undefined },
  record: Omit<SubmissionRecord, 'time' | 'host'> | undefined,
): void {
  const folder = join(dir, SUBMISSION.folder);
  makeFolder(join(folder, SUBMISSION.logs));
  if (files.config !== undefined) replaceFile(join(folder, CONFIG), files.config);
  replaceFile(join(folder, SUBMISSION.probe), `${files.probe}\n`);
  replaceFile(join(folder, SUBMISSION.array), files.array);
  replaceFile(join(folder, SUBMISSION.compare), files.compare);
  if (record === undefined) return;
  const whole: SubmissionRecord = { ...record, time: new Date().toISOString(), host: hostname() };
  replaceFile(join(folder, RECORD), `${JSON.stringify(whole, null, 2)}\n`);
}

/** Seconds that clocks may differ by: less than that is what a busy disk and a clock that is being set take. */
const CLOCK_SECONDS = 60;

/**
 * Looks whether this machine's clock agrees with that of the disk and with that of the host that submitted: nothing is
 * decided by them, but every date of the run would be wrong.
 *
 * @throws UserError where they differ.
 */
export function requireSameClock(dir: string, now = Date.now()): void {
  const ahead = (now - timeOfDisk(dir, signatureOf(thisOwner()))) / 1000;
  if (Math.abs(ahead) > CLOCK_SECONDS) {
    const way = ahead > 0 ? 'ahead of' : 'behind';
    throw new UserError(
      `${dir}: the clock of ${hostname()} is ${Math.abs(ahead).toFixed(0)} s ${way} that of the disk; set it (by NTP), or train on another machine`,
    );
  }
  const submission = readSubmission(dir);
  const behind = submission ? (Date.parse(submission.time) - now) / 1000 : 0;
  if (submission && behind > CLOCK_SECONDS) {
    throw new UserError(
      `${dir}: the clock of ${hostname()} is at least ${behind.toFixed(0)} s behind that of ${submission.host}, where it was submitted; set it (by NTP), or train on another machine`,
    );
  }
}
