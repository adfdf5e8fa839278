import path from 'node:path';
import { differingKeys, formatExperiment } from '../config/format.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import { chooseEngine, type Engine } from '../engine/engine.ts';
import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import { readRun } from '../runs/read.ts';
import type { RunInfo } from '../runs/records.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { summarise } from '../runs/summary.ts';
import type { Job, WorkerMessage } from './messages.ts';
import { supervise } from './supervisor.ts';

/** Facts about this machine and this command that go into run.json. */
export type HostInfo = Pick<
  RunInfo,
  'wmVersion' | 'gitCommit' | 'node' | 'host' | 'platform' | 'cores' | 'command'
>;

export interface RunOptions {
  experiment: Experiment;
  /** The folder of run folders. */
  runsDir: string;
  /** Worker processes at once; undefined: one per core, or one in all on a GPU. */
  workers: number | undefined;
  /** Seconds of silence after which a worker counts as hanging. */
  hangSeconds: number;
  host: HostInfo;
  /** Seconds from any origin, never going back. */
  clock: () => number;
  /** Told once what is about to happen, before any training. */
  begin: (plan: {
    dir: string;
    engine: Engine;
    reason: string | null;
    resumed: boolean;
    /** Seeds to train; none where only the summing up is left, or nothing at all. */
    pending: number[];
    /** Whether there is nothing to do. */
    finished: boolean;
    /** What is worth a line: a damaged checkpoint for which the one before stands in. */
    notes: string[];
  }) => void;
  /** Told when a seed's training begins in this sitting, and at which step. */
  seedStarted: (seed: number, step: number) => void;
  handle: (message: WorkerMessage) => void;
  /** Aborted by the user's wish to stop. */
  signal: AbortSignal;
}

/** How a run ended; `failed` by seed. */
export interface RunOutcome {
  dir: string;
  done: number[];
  failed: Map<number, string>;
  interrupted: number[];
}

/**
 * Trains what is unfinished of an experiment in its run folder, and sums it up.
 *
 * @throws UserError, before anything is written, when the engine cannot load or the folder is not this experiment's.
 */
export async function runExperiment(options: RunOptions): Promise<RunOutcome> {
  const { experiment, host, clock, signal } = options;
  const { engine, reason } = await chooseEngine(experiment.engine);
  const dir = path.join(options.runsDir, experiment.name);
  const folder = RunFolder.open(dir, {
    configText: formatExperiment(experiment),
    info: {
      ...host,
      engine: { name: engine.name, device: engine.device, version: engine.version, reason },
      status: Object.fromEntries(experiment.seeds.map((seed) => [seed, 'waiting'])),
      method: experiment.method,
      arm: methods[experiment.method].arm(experiment),
    },
  });
  try {
    requireSameConfig(folder, experiment);
    const { steps, fallbacks } = pendingSteps(folder, experiment.seeds);
    const pending = [...steps.keys()];
    const done = experiment.seeds.filter((seed) => !steps.has(seed));
    const outcome: RunOutcome = { dir, done, failed: new Map(), interrupted: [] };
    const finished = pending.length === 0 && isSummedUp(folder.info);
    const notes = [...fallbacks.values()];
    options.begin({ dir, engine, reason, resumed: folder.resumed, pending, finished, notes });
    if (finished) return outcome;

    if (folder.takenOver) folder.logEvent({ kind: 'lock-taken-over', from: folder.takenOver });
    const former = folder.info;
    const used = { name: engine.name, device: engine.device, version: engine.version, reason };
    folder.logEvent({
      kind: folder.resumed ? 'resume' : 'start',
      engine: used,
      seeds: Object.fromEntries(steps),
    });
    for (const [seed, fallback] of fallbacks) {
      folder.logEvent({ kind: 'checkpoint-fallback', seed, reason: fallback });
    }
    const { name, version, device } = former.engine;
    if (name !== engine.name || version !== engine.version || device !== engine.device) {
      folder.logEvent({ kind: 'engine-changed', from: former.engine, to: used });
    }
    folder.updateInfo({ ...host, engine: used, end: null });
    for (const seed of done) if (folder.info.status[seed] !== 'done') folder.setStatus(seed, 'done');

    const begin = clock();
    const workers = options.workers ?? (engine.isGpu ? 1 : host.cores);
    await supervise(
      packJobs(dir, experiment, engine, steps, workers),
      workers,
      ({ seeds }, pid) => {
        folder.logEvent({ kind: 'worker', pid, seeds });
        for (const seed of seeds) {
          folder.setStatus(seed, 'running');
          options.seedStarted(seed, steps.get(seed)!);
        }
      },
      (message) => {
        const { seed } = message;
        if (message.kind === 'done') {
          outcome.done.push(seed);
          folder.setStatus(seed, 'done');
        } else if (message.kind === 'failed') {
          outcome.failed.set(seed, message.reason);
          folder.setStatus(seed, 'failed', message.reason);
          folder.logEvent(message);
        } else if (message.kind === 'interrupted') {
          outcome.interrupted.push(seed);
          folder.setStatus(seed, 'interrupted');
        } else if (message.kind === 'waiting') {
          steps.set(seed, message.step);
          folder.setStatus(seed, 'waiting');
        }
        options.handle(message);
      },
      signal,
      options.hangSeconds,
    );
    folder.joinMetrics();
    folder.writeSummary(summaryRows(dir));
    folder.markEnd(clock() - begin);
    folder.logEvent({
      kind: 'end',
      done: outcome.done,
      failed: [...outcome.failed.keys()],
      interrupted: outcome.interrupted,
    });
    return outcome;
  } finally {
    folder.close();
  }
}

function requireSameConfig(folder: RunFolder, experiment: Experiment): void {
  const file = path.join(folder.dir, 'config.yaml');
  const stored = loadExperiment({ file, text: folder.configText });
  // Another engine may go on where one has stopped: that is noted as an event.
  const keys = differingKeys(stored, experiment).filter((key) => key !== 'engine');
  if (keys.length === 0) return;
  throw new UserError(
    `${folder.dir} holds a run of another config (${keys.join(', ')} differ${keys.length === 1 ? 's' : ''}); choose another --name, or delete that folder`,
  );
}

/** Whether the sitting before got to its end with every seed done: a kill can come between the last seed and the summary. */
function isSummedUp({ end, status }: RunInfo): boolean {
  return end !== null && Object.values(status).every((each) => each === 'done');
}

/**
 * The environment step at which each unfinished seed stands, and why it is not its newest checkpoint's, where that is so.
 * Reads every checkpoint, so that a damaged one is found now.
 */
function pendingSteps(
  folder: RunFolder,
  seeds: readonly number[],
): { steps: Map<number, number>; fallbacks: Map<number, string> } {
  const steps = new Map<number, number>();
  const fallbacks = new Map<number, string>();
  for (const seed of seeds) {
    const seedFolder = folder.seed(seed);
    if (seedFolder.done()) continue;
    const checkpoint = seedFolder.readCheckpoint();
    steps.set(seed, checkpoint?.state.step ?? 0);
    if (checkpoint?.fallback) fallbacks.set(seed, checkpoint.fallback);
  }
  return { steps, fallbacks };
}

/**
 * Gives each seed a worker of its own; on a GPU, where a batch of members costs little more than one, all that stand
 * at the same step ride together. Where the workers cannot share the jobs evenly, each job is cut into so many turns
 * that they can: five seeds on two cores take 2.5 rounds, not 3.
 */
function packJobs(
  runDir: string,
  experiment: Experiment,
  engine: Engine,
  steps: Map<number, number>,
  workers: number,
): Job[] {
  const groups = engine.isGpu ? seedsByStep(steps) : [...steps.keys()].map((seed) => [seed]);
  const turns = groups.length > workers ? workers / greatestCommonDivisor(groups.length, workers) : 1;
  const longest = experiment.steps - Math.min(...steps.values());
  // A turn ends where a checkpoint is due anyway.
  const { every } = experiment.evaluation;
  const turn = Math.ceil(longest / turns / every) * every;
  return groups.map((seeds) => ({ runDir, experiment, engine: engine.name, seeds, turn }));
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/** The seeds that stand at each step. */
function seedsByStep(steps: ReadonlyMap<number, number>): number[][] {
  const together = new Map<number, number[]>();
  for (const [seed, step] of steps) together.set(step, [...(together.get(step) ?? []), seed]);
  return [...together.values()];
}

/** One row of summary.csv per finished seed. */
function summaryRows(dir: string) {
  const { info, seeds } = readRun(dir);
  return seeds.map(({ seed, rows, done }) => ({
    method: info.arm,
    seed,
    env_steps: done.steps,
    updates: done.updates,
    ...summarise(rows),
    wall_seconds: done.wallSeconds,
    engine: done.engine,
    device: done.device,
  }));
}
