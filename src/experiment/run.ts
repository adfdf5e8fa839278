import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { DataSet } from '../runs/data-set.ts';
import { type FolderClaim, lapsedLocks, sleep } from '../runs/lease.ts';
import { holderWords, type LapsedLocks, lockHolder } from '../runs/lock.ts';
import { type ChosenEngine, engineChooser } from './kept-engine.ts';
import type { WorkerMessage } from './messages.ts';
import { coresOfSeed } from './real-time.ts';
import { requireLearnable } from './recorded-data.ts';
import { type SeedShare, shareOf } from './seed-share.ts';
import { type HostInfo, type RunOutcome, Sitting } from './sitting.ts';
import { sumUpShares } from './sums.ts';
import { supervise } from './supervisor.ts';

export interface RunOptions {
  /** Each is a run folder of its own, told apart by name. */
  experiments: readonly Experiment[];
  /** The folder of run folders. */
  runsDir: string;
  /**
   * Opens what keeps the runs together, once every engine is known to load, and others out of their folder; what it
   * gives is closed in the end. A run in it has no folder until its first seed begins: a thousand take long to make. It
   * gives null where others may work in that folder too. `lost` is to be told when its folder is no longer ours: then all
   * runs are saved and stopped, and `check` says why.
   */
  openParent?: OpenParent | undefined;
  /** Which share of each run's seeds to train, beside others; undefined for all of them. */
  share?: SeedShare | undefined;
  /** Worker processes at once; undefined: one per core, or one in all on a GPU. */
  workers: number | undefined;
  /** Seconds of silence after which a worker counts as hanging. */
  hangSeconds: number;
  host: HostInfo;
  /** Seconds from any origin, never going back. */
  clock: () => number;
  /** Told of a wait for others before anything begins. */
  waiting: (words: string) => void;
  /** Told of a run that was left without its sum in the end, because others work in it. */
  caution: (words: string) => void;
  /** Told once what is about to happen, before any training. */
  begin: (runs: readonly Sitting[]) => void;
  /** Told when a seed's training begins in this sitting, and at which step. */
  seedStarted: (run: Sitting, seed: number, step: number) => void;
  handle: (run: Sitting, message: WorkerMessage) => void;
  /** Told when the last seed of a run has ended, one way or the other. */
  runEnded: (run: Sitting) => void;
  /** Aborted by the user's wish to stop. */
  signal: AbortSignal;
}

/** @throws UserError where the folder is another's. */
export type OpenParent = (lapsed: LapsedLocks, lost: () => void) => { check(): void; close(): void } | null;

/**
 * Trains what is unfinished of some experiments, each in its run folder, and sums each up. The seeds of all wait in one
 * queue for a free worker, so that none idles while the last seed of a run trains.
 *
 * @throws UserError, before anything is trained, when an engine cannot load or a folder is not its experiment's.
 */
export async function runExperiments(options: RunOptions): Promise<RunOutcome[]> {
  const { experiments, runsDir, host, clock } = options;
  const engines = new Map<Experiment, ChosenEngine>();
  const engineOf = engineChooser(runsDir);
  for (const experiment of experiments) engines.set(experiment, await engineOf(experiment));
  const fingerprints = fingerprintsOf(experiments);
  const shares = new Map(experiments.map((each) => [each, options.share && shareOf(options.share, each)]));
  const lapsed = await lapsedLocks(claimsOf(options, shares), sleep, options.signal, options.waiting);
  // Who has lost a lock has lost the folder: nothing that is computed on could be kept.
  const lockLoss = new AbortController();
  const lost = () => lockLoss.abort();
  const parent = options.openParent?.(lapsed, lost) ?? null;
  const runs: Sitting[] = [];
  try {
    for (const experiment of experiments) {
      // Every checkpoint of every run is read here: lets signals in.
      await setImmediate();
      if (options.signal.aborted) {
        throw new UserError('stopped before anything was trained; the same command goes on from here', 130);
      }
      const { lost: lostEngine, ...used } = engines.get(experiment)!;
      const data = experiment.data === undefined ? undefined : fingerprints.get(experiment.data);
      const plan = {
        late: parent !== null,
        data,
        share: shares.get(experiment),
        lapsed,
        lost,
      };
      const run = new Sitting(runsDir, experiment, used, host, clock, plan);
      runs.push(run);
      if (lostEngine && run.pending.length > 0) throw lostEngine;
    }
    options.begin(runs);
    const byDir = new Map(runs.map((run) => [run.outcome.dir, run]));
    for (const run of runs) {
      run.extendIfAsked();
      run.sumUpIfLeft();
    }
    const onGpu = runs.some(({ used }) => used.engine.isGpu);
    const isRealTime = runs.some(({ experiment }) => experiment.realTime);
    const coresOfJob = Math.max(...runs.map(({ experiment }) => coresOfSeed(experiment)));
    const cores = Math.max(1, Math.floor(host.cores / coresOfJob));
    const workers = options.workers ?? (onGpu ? 1 : cores);
    const turns = isRealTime ? 1 : fairTurns(runs.flatMap((run) => run.rides(workers)).length, workers);
    await supervise(
      runs.flatMap((run) => run.jobs(turns, workers)),
      workers,
      ({ runDir, seeds }, pid, part) => {
        const run = byDir.get(runDir)!;
        run.begin(seeds, pid, part);
        if (part === 'acting') return;
        for (const seed of seeds) options.seedStarted(run, seed, run.stepOf(seed));
      },
      (message, { runDir }) => {
        const run = byDir.get(runDir)!;
        const isLast = run.record(message);
        options.handle(run, message);
        if (isLast) options.runEnded(run);
      },
      AbortSignal.any([options.signal, lockLoss.signal]),
      options.hangSeconds,
    );
    // The runs have locks of their own, and were saved.
    if (lockLoss.signal.aborted) parent?.check();
  } finally {
    for (const run of runs) run.close();
    parent?.close();
  }
  if (options.share) for (const { outcome } of runs) await sumUpTogether(outcome, lapsed, options);
  return runs.map(({ outcome }) => outcome);
}

/** Tries of the last process of a run, and seconds between two, to find nobody else at its end. */
const END_TRIES = 20;
const END_PAUSE = 0.25;

/** Processes that end at once keep each other from summing up: each tries again. */
async function sumUpTogether(
  outcome: RunOutcome,
  lapsed: LapsedLocks,
  { signal, caution }: Pick<RunOptions, 'signal' | 'caution'>,
): Promise<void> {
  for (let tries = 0; tries < END_TRIES; tries++) {
    if (sumUpShares(outcome, lapsed)) return;
    await sleep(END_PAUSE, signal);
  }
  const { dir } = outcome;
  const holder = lockHolder(dir, lapsed);
  const by = holder ? holderWords(holder) : 'another process';
  caution(`${dir} is in use by ${by} and was not summed up; once that has ended, the same command does it`);
}

/** What is about to be locked. */
function claimsOf(
  { experiments, runsDir, openParent }: RunOptions,
  shares: ReadonlyMap<Experiment, readonly number[] | undefined>,
): FolderClaim[] {
  const runs = experiments.map((each) => ({ dir: path.join(runsDir, each.name), share: shares.get(each) }));
  return [...(openParent ? [{ dir: runsDir }] : []), ...runs];
}

/** What tells each data set that some experiments learn from, by its folder. @throws UserError where one cannot be learnt from. */
function fingerprintsOf(experiments: readonly Experiment[]): Map<string, Uint8Array> {
  const opened = new Map<string, DataSet>();
  for (const experiment of experiments) {
    const { data: dir } = experiment;
    if (dir === undefined) continue;
    const data = opened.get(dir) ?? lookInto(dir);
    requireLearnable(experiment, data);
    opened.set(dir, data);
  }
  return new Map([...opened].map(([dir, { fingerprint }]) => [dir, fingerprint]));
}

/** A config's data set, only looked at: nothing of it is kept. @throws UserError where there is none or it is damaged. */
function lookInto(dir: string): DataSet {
  try {
    return new DataSet(dir, 0);
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`data: ${error.message}`);
    throw error;
  }
}

/**
 * In how many turns each job has to be cut so that all workers end together: five seeds on two cores take 2.5 rounds,
 * not 3.
 */
function fairTurns(jobs: number, workers: number): number {
  return jobs > workers ? workers / greatestCommonDivisor(jobs, workers) : 1;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);
