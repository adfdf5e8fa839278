import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { jobWords, partsOf } from '../cluster/job.ts';
import {
  type ArrayPlan,
  arrayScript,
  compareScript,
  parseSbatchOption,
  SUBMISSION,
} from '../cluster/slurm.ts';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { coresOfSeed } from '../experiment/real-time.ts';
import { lapsedLocks, sleep } from '../runs/lease.ts';
import { acquireLock, jobLocks, type LapsedLocks, lockHolder } from '../runs/lock.ts';
import { isFinished } from '../runs/records.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { readProbe, readSubmission, type SubmissionRecord, writeSubmission } from '../runs/submission.ts';
import { counted } from '../words.ts';
import { isQueued, queueHas, requireRoom, submitHeld } from './slurm-programs.ts';

/** The options of the command line that say how to submit what would else be trained here. */
export interface SubmitOptions {
  submit?: 'slurm';
  dryRun?: boolean;
  slurm: string[];
  arrayLimit?: number;
  seedShares?: number;
  seedShare?: unknown;
  cell?: number;
  workers?: number;
  quiet?: boolean;
  json?: boolean;
}

/** What is to be submitted. */
export interface ToSubmit {
  command: ArrayPlan['command'];
  name: string;
  /** Its folder, and its config's file once `write` is done. */
  dir: string;
  config: string;
  /** The runs that it is made of, a cell each. */
  experiments: readonly Experiment[];
  /** Throws where the folder holds something else; called before anything is submitted or written. */
  check: (shares: number) => void;
  /** Writes what the folder needs before any task begins. @param lapsed locks whose owners are gone */
  write: (lapsed: LapsedLocks) => void;
  /** Whether tasks that were submitted before would train by another config than the one in the folder. */
  differs: () => boolean;
  /** The config's text, where it is written with the scripts. */
  configText?: string;
}

/** Refuses options of a submission where there is none, and those of a task where there is one. @throws UserError */
export function refuseMisplacedOptions(options: SubmitOptions): void {
  const { submit, dryRun, slurm, arrayLimit, seedShares, seedShare, cell } = options;
  const given = (names: readonly (readonly [string, boolean])[]) => names.find(([, isGiven]) => isGiven)?.[0];
  const ofSubmission = given([
    ['--dry-run', dryRun === true],
    ['--slurm', slurm.length > 0],
    ['--array-limit', arrayLimit !== undefined],
    ['--seed-shares', seedShares !== undefined],
  ]);
  if (submit === undefined && ofSubmission) {
    throw new UserError(`${ofSubmission}: goes with --submit slurm alone; add that, or leave it out`);
  }
  const ofTask = given([
    ['--cell', cell !== undefined],
    ['--seed-share', seedShare !== undefined],
  ]);
  if (submit !== undefined && ofTask) {
    throw new UserError(`${ofTask}: is for one task, and --submit makes them all; leave one of the two out`);
  }
}

/**
 * Submits an array of what is unfinished and, to come after it, a job that compares. Both are in Slurm's hands before the
 * first task may begin, or neither is. Returns the exit code.
 *
 * @throws UserError where Slurm refuses, or is not there; nothing is submitted then.
 */
export async function submit(what: ToSubmit, options: SubmitOptions): Promise<number> {
  const { dryRun = false, seedShares: shares = 1 } = options;
  const plan = planOf(what, options, shares);
  const { dir } = what;
  const say = (text: string) => {
    if (!options.quiet) process.stderr.write(`${text}\n`);
  };
  what.check(shares);
  if (plan.tasks.length === 0) {
    say(`${dir} is finished: nothing to submit`);
    if (options.json)
      process.stdout.write(`${JSON.stringify({ folder: dir, array: null, compare: null, tasks: 0 })}\n`);
    return 0;
  }
  const scripts = { array: arrayScript(plan), compare: compareScript(plan) };
  const write = (record: Pick<SubmissionRecord, 'array' | 'compare'> | undefined, lapsed: LapsedLocks) => {
    what.write(lapsed);
    const files = { ...scripts, probe: plan.probe, config: what.configText };
    writeSubmission(dir, files, record && { ...record, tasks: plan.tasks.length });
  };
  let jobs: Pick<SubmissionRecord, 'array' | 'compare'> = { array: null, compare: null };
  if (dryRun) {
    if (what.differs()) await refuseUnderQueued(dir);
    // The array of the last submission may still be in the queue.
    write(readSubmission(dir) ? undefined : jobs, new Map());
  } else {
    const cluster = await requireRoom(plan);
    await refuseSubmitted(dir);
    const lapsed = await goneLocks(foldersOf(what), cluster, say);
    jobs = await submitHeld(scripts, plan, (held) => write(held, lapsed));
  }
  const script = (name: string) => path.join(dir, SUBMISSION.folder, name);
  const files = { array: script(SUBMISSION.array), compare: script(SUBMISSION.compare) };
  const count = counted(plan.tasks.length, 'task');
  say(`wrote ${files.array} (${count}) and ${files.compare}`);
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ folder: dir, ...jobs, tasks: plan.tasks.length, scripts: files })}\n`,
    );
  } else if (!dryRun) {
    process.stdout.write(
      `submitted array ${jobs.array} and, to come after it, compare ${jobs.compare}; wm status ${dir} says how they stand\n`,
    );
  }
  return 0;
}

function planOf(
  { command, name, dir, config, experiments }: ToSubmit,
  options: SubmitOptions,
  shares: number,
): ArrayPlan {
  const folder = path.resolve(dir);
  return {
    ...{ command, name, folder, shares, parent: path.dirname(folder), config: path.resolve(config) },
    tasks: experiments.flatMap((experiment, cell) =>
      unfinishedShares(folder, command, experiment, cell, shares),
    ),
    isOverEnvironments: new Set(experiments.map(({ environment }) => environment)).size > 1,
    limit: options.arrayLimit,
    workers: options.workers,
    cores: (options.workers ?? 1) * Math.max(...experiments.map(coresOfSeed)),
    quiet: options.quiet ?? false,
    options: options.slurm.map(parseSbatchOption),
    node: process.execPath,
    wm: fileURLToPath(new URL('../../bin/wm.js', import.meta.url)),
    // Tasks of an array that was submitted before look for theirs.
    probe: (options.dryRun ? readProbe(dir) : undefined) ?? randomUUID(),
    host: hostname(),
  };
}

/** The tasks of a cell in which something is left to do. */
function unfinishedShares(
  folder: string,
  command: ArrayPlan['command'],
  experiment: Experiment,
  cell: number,
  shares: number,
): number[] {
  const { seeds, name } = experiment;
  const run = command === 'sweep' ? path.join(folder, name) : folder;
  const left = new Set<number>();
  for (const [i, seed] of seeds.entries()) {
    const done = new SeedFolder(run, seed).done();
    if (done === undefined || !isFinished(done, experiment)) {
      left.add(cell * shares + Math.floor((i * shares) / seeds.length));
    }
  }
  return [...left];
}

/** The folders in which a lock may stand. */
const foldersOf = ({ command, dir, experiments }: ToSubmit): string[] =>
  [dir, ...(command === 'sweep' ? experiments.map(({ name }) => path.join(dir, name)) : [])].filter(
    existsSync,
  );

/** @throws UserError where the array of the last submission is still in the queue. */
async function refuseSubmitted(dir: string): Promise<void> {
  const array = readSubmission(dir)?.array;
  if (!array || !(await isQueued(array, dir))) return;
  throw new UserError(
    `${dir} was submitted as job ${array}, which still waits or runs; wait for it, or cancel it with scancel ${array}`,
  );
}

/**
 * Keeps what the tasks of the last submission train by from being replaced, which a dry run would do without a word to
 * Slurm.
 *
 * @throws UserError where its array is in the queue, or Slurm is not here to say.
 */
async function refuseUnderQueued(dir: string): Promise<void> {
  const array = readSubmission(dir)?.array;
  if (!array || (await queueHas(array)) === false) return;
  throw new UserError(
    `${dir} was submitted as job ${array} with another config, which tasks of it may still train by; wait for it, cancel it with scancel ${array}, or give another --name`,
  );
}

/**
 * The locks of jobs that Slurm no longer has, and those of others that give no more signs.
 *
 * @param here the name of the cluster, where it is known
 * @param waiting told of each lock that has to be waited for
 * @throws UserError where another process holds one, or a job that it has, or that only another cluster can tell of.
 */
async function goneLocks(
  dirs: readonly string[],
  here: string | undefined,
  waiting: (words: string) => void,
): Promise<LapsedLocks> {
  const queued = new Map<string, boolean>();
  const held = jobLocks(dirs);
  for (const { dir, file, job } of held) {
    const { cluster, number } = partsOf(job);
    if (cluster !== '' && cluster.toLowerCase() !== here?.toLowerCase()) {
      throw new UserError(
        `${dir} is in use by ${jobWords({ id: job })} of the cluster ${cluster}, of which Slurm here (${here ?? 'without a name'}) cannot tell; submit there, or delete ${file} if that job has ended`,
      );
    }
    if (!queued.has(number)) queued.set(number, await isQueued(number, dir));
  }
  const gone = new Map<string, string>();
  for (const { dir, file, text, job } of held) {
    if (queued.get(partsOf(job).number)) {
      throw new UserError(
        `${dir} is in use by ${jobWords({ id: job })}; wait for it, or cancel it with scancel`,
      );
    }
    gone.set(file, text);
  }
  const claims = dirs.map((dir) => ({ dir }));
  const lapsed = await lapsedLocks(claims, sleep, new AbortController().signal, waiting);
  for (const [file, text] of lapsed) gone.set(file, text);
  // Whoever else holds one is named.
  for (const dir of dirs) if (lockHolder(dir) !== null) acquireLock(dir, { lapsed: gone }).release();
  return gone;
}
