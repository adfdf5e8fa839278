import path from 'node:path';
import { formatExperiment } from '../config/format.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import type { Engine } from '../engine/description.ts';
import { UserError } from '../errors.ts';
import { courseRemarks } from '../methods/course.ts';
import { methods } from '../methods/index.ts';
import { type Extension, extensionOf, extensionWords } from '../runs/extension.ts';
import { type LapsedLocks, locksOf, ownText } from '../runs/lock.ts';
import { type OriginChange, originChanges } from '../runs/provenance.ts';
import { type Origin, sittingsOf } from '../runs/records.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import type { Job, WorkerMessage, WorkerPart } from './messages.ts';
import { pendingSteps } from './pending-steps.ts';
import { writeSums } from './sums.ts';

/** Facts about this machine, this wm and this command that go into run.json. */
export type HostInfo = Omit<Origin, 'engine'>;

/** What computes a run, and why nothing better does. */
export interface UsedEngine {
  engine: Engine;
  reason: string | null;
}

/** How a run's folder is to be opened. */
export interface SittingPlan {
  /**
   * Whether a folder that is not there is made when the first seed begins: to be asked for where a lock above keeps
   * others out until then.
   */
  late?: boolean;
  /** What tells the data set that it learns from; undefined for one that plays for itself. */
  data?: Uint8Array | undefined;
  /** The seeds that are this sitting's to train, beside others'; undefined for the whole run. */
  share?: readonly number[] | undefined;
  lapsed?: LapsedLocks | undefined;
  /** Told when its lock is found lost. */
  lost?: (() => void) | undefined;
}

/** How a run ended; `failed` by seed. */
export interface RunOutcome {
  dir: string;
  experiment: Experiment;
  done: number[];
  failed: Map<number, string>;
  interrupted: number[];
}

/**
 * One sitting of a run: its folder held open, the seeds that are left to train, and the record of what becomes of
 * them. Until the first seed begins, nothing is written but what makes the folder, and a folder that is made `late` not
 * even that.
 */
export class Sitting {
  readonly experiment: Experiment;
  readonly used: UsedEngine;
  readonly resumed: boolean;
  readonly outcome: RunOutcome;
  /** The environment step at which each unfinished seed stands. */
  readonly #steps: Map<number, number>;
  /** Why a seed does not stand at its newest checkpoint, where that is so. */
  readonly #fallbacks: ReadonlyMap<number, string>;
  readonly #extension: Extension | null;
  readonly #plan: SittingPlan;
  /** Undefined until it is made. */
  #folder: RunFolder | undefined;
  readonly #origin: Origin;
  /** What made the sitting before and no longer does. */
  readonly #changes: readonly OriginChange[];
  /** Seconds from any origin, never going back. */
  readonly #clock: () => number;
  readonly #open: Set<number>;
  /** When the first seed began. */
  #begin: number | undefined;

  /**
   * Opens a run's folder in `runsDir`, or makes it.
   *
   * @throws UserError when the folder is not this experiment's, in use, damaged, or cannot be written.
   */
  constructor(
    runsDir: string,
    experiment: Experiment,
    used: UsedEngine,
    host: HostInfo,
    clock: () => number,
    plan: SittingPlan = {},
  ) {
    const dir = path.join(runsDir, experiment.name);
    const own = plan.share ?? experiment.seeds;
    this.experiment = experiment;
    this.#plan = plan;
    this.used = used;
    this.#clock = clock;
    this.#origin = { ...host, engine: engineRecord(used) };
    this.outcome = { dir, experiment, done: [], failed: new Map(), interrupted: [] };
    const folder = plan.late && !RunFolder.isThere(dir) ? undefined : this.#openFolder();
    try {
      this.#extension = folder?.resumed
        ? extensionOf(dir, 'run', storedExperiment(folder), experiment)
        : null;
      if (this.#extension !== null && plan.share) throw new UserError(whyNoShares(dir));
      const { steps, fallbacks } = pendingSteps(dir, experiment, own, plan.data);
      this.#steps = steps;
      this.#fallbacks = fallbacks;
    } catch (error) {
      folder?.close();
      throw error;
    }
    this.#folder = folder;
    this.resumed = folder?.resumed ?? false;
    this.#open = new Set(this.#steps.keys());
    this.outcome.done.push(...own.filter((seed) => !this.#steps.has(seed)));
    const before = folder && sittingsOf(folder.info).at(-1);
    this.#changes = before && this.pending.length > 0 ? originChanges(before, this.#origin) : [];
  }

  #openFolder(): RunFolder {
    const { experiment } = this;
    const run = {
      configText: formatExperiment(experiment),
      info: {
        ...this.#origin,
        status: Object.fromEntries(experiment.seeds.map((seed) => [seed, 'waiting' as const])),
        method: experiment.method,
        arm: methods[experiment.method].arm(experiment),
      },
    };
    return RunFolder.open(this.outcome.dir, run, this.#plan);
  }

  /** The seeds that are this sitting's to train. */
  get own(): readonly number[] {
    return this.#plan.share ?? this.experiment.seeds;
  }

  /** The folder, to write into: made now, where it is not there. */
  #made(): RunFolder {
    if (this.#folder) return this.#folder;
    const folder = this.#openFolder();
    if (folder.resumed) {
      folder.close();
      throw new UserError(
        `${this.outcome.dir} was made by another process meanwhile; run the same command again`,
        1,
      );
    }
    this.#folder = folder;
    return folder;
  }

  /** The seeds that were not finished when the sitting began. */
  get pending(): number[] {
    return [...this.#steps.keys()];
  }

  /** Whether there is nothing to do. A kill can come between the last seed and the summary, and files can be lost: then that is left. */
  get finished(): boolean {
    if (!this.#folder) return false;
    const { end, status } = this.#folder.info;
    const isSummedUp =
      end !== null && Object.values(status).every((each) => each === 'done') && this.#folder.hasSums;
    return this.#steps.size === 0 && (isSummedUp || this.#plan.share !== undefined);
  }

  /** That the folder becomes a longer run's, or one's with more seeds, in words; null where it does not. */
  get extension(): string | null {
    return this.#extension && `${this.outcome.dir} ${extensionWords(this.#extension)}`;
  }

  /**
   * What makes results other than they seem: going on under another wm, Node, engine or processor; a checkpoint before
   * the newest; that nothing will be logged, or not all steps be learnt from.
   */
  get cautions(): string[] {
    const { experiment } = this;
    const changes = this.#changes.map(({ name, words: [from, to] }) => `${name} ${to} instead of ${from}`);
    const goesOn = `${this.outcome.dir} goes on with ${changes.join(', ')}: its numbers may come out otherwise`;
    // In real time nobody knows how many updates there will be.
    const remarks = experiment.realTime
      ? []
      : courseRemarks(methods[experiment.method].course(experiment), experiment);
    return [
      ...(changes.length > 0 ? [goesOn] : []),
      ...this.#fallbacks.values(),
      ...(this.pending.length > 0 ? remarks : []),
    ];
  }

  /** Whether a seed can be gone on with or played: published runs come without checkpoints. */
  get holdsCheckpoints(): boolean {
    return this.experiment.seeds.some((seed) => new SeedFolder(this.outcome.dir, seed).hasCheckpoint());
  }

  /** The environment step at which a pending seed stands. */
  stepOf(seed: number): number {
    return this.#steps.get(seed)!;
  }

  /**
   * The jobs of `rides`.
   *
   * @param turns in how many turns each job is to be trained
   */
  jobs(turns: number, workers: number): Job[] {
    const { experiment } = this;
    const { every } = experiment.evaluation;
    const { engine } = this.used;
    return this.rides(workers).map((seeds) => {
      const left = experiment.steps - this.stepOf(seeds[0]!);
      // A turn ends where a checkpoint is due anyway.
      const turn = Math.ceil(left / turns / every) * every;
      const locks = this.#plan.share ? locksOf(seeds) : locksOf();
      const held = { runDir: this.outcome.dir, locks, holder: ownText() };
      return { ...held, experiment, engine: engine.name, seeds, turn };
    });
  }

  /**
   * The pending seeds that train in one batch, each batch in one worker: a seed alone; on an engine that stacks members,
   * or by a method that needs none, those of a worker's equal share of all seeds that stand at the same step. Shares do
   * not depend on what is done, so a resumed run stacks the seeds that the first sitting stacked.
   */
  rides(workers: number): number[][] {
    const seeds = this.own;
    const { method, realTime } = this.experiment;
    // In real time each seed has a body of its own.
    const together = !realTime && (this.used.engine.stacksMembers || methods[method].withoutEngine);
    const shares = together ? Math.min(workers, seeds.length) : seeds.length;
    const rides = new Map<string, number[]>();
    for (const seed of this.pending) {
      const share = Math.floor((seeds.indexOf(seed) * shares) / seeds.length);
      const ride = `share ${share} at step ${this.stepOf(seed)}`;
      rides.set(ride, [...(rides.get(ride) ?? []), seed]);
    }
    return [...rides.values()];
  }

  /** Makes the folder that of the longer run, or of more seeds, where that is asked for: before any worker writes. */
  extendIfAsked(): void {
    if (this.#extension === null) return;
    const folder = this.#made();
    folder.extend(formatExperiment(this.experiment), this.pending);
    folder.logEvent({ kind: 'extended', ...this.#extension });
  }

  /** Sums the run up where only that is left. */
  sumUpIfLeft(): void {
    if (this.#steps.size > 0 || this.finished) return;
    this.#start();
    this.#sumUp();
  }

  /** Records that a worker has begun to train some seeds. */
  begin(seeds: readonly number[], pid: number | undefined, part: WorkerPart = 'all'): void {
    if (this.#begin === undefined) this.#start();
    const folder = this.#made();
    folder.logEvent({ kind: 'worker', pid, seeds, ...(part !== 'all' && { part }) });
    for (const seed of seeds) folder.setStatus(seed, 'running');
  }

  #start(): void {
    const folder = this.#made();
    this.#begin = this.#clock();
    if (folder.takenOver) folder.logEvent({ kind: 'lock-taken-over', from: folder.takenOver });
    const { wmVersion, gitCommit, gitChanges, node, engine } = this.#origin;
    folder.logEvent({
      kind: folder.resumed ? 'resume' : 'start',
      ...{ wmVersion, gitCommit, gitChanges, node, engine },
      seeds: Object.fromEntries(this.#steps),
    });
    for (const [seed, fallback] of this.#fallbacks) {
      folder.logEvent({ kind: 'checkpoint-fallback', seed, reason: fallback });
    }
    for (const { event, from, to } of this.#changes) folder.logEvent({ kind: event, from, to });
    folder.markStart(this.#origin);
    for (const seed of this.outcome.done) {
      if (folder.info.status[seed] !== 'done') folder.setStatus(seed, 'done');
    }
  }

  /** Records a worker's message; with the last seed's end the run is summed up. Returns whether that was the last. */
  record(message: WorkerMessage): boolean {
    const { seed } = message;
    const { done, failed, interrupted } = this.outcome;
    if (message.kind === 'done') {
      done.push(seed);
      this.#made().setStatus(seed, 'done');
    } else if (message.kind === 'failed') {
      failed.set(seed, message.reason);
      this.#made().setStatus(seed, 'failed', message.reason);
      this.#made().logEvent(message);
    } else if (message.kind === 'interrupted') {
      interrupted.push(seed);
      // A run stopped before its first seed began stands where it stood.
      if (this.#begin !== undefined) this.#made().setStatus(seed, 'interrupted');
    } else {
      if (message.kind === 'caution') this.#made().logEvent(message);
      if (message.kind === 'waiting') {
        this.#steps.set(seed, message.step);
        this.#made().setStatus(seed, 'waiting');
      }
      return false;
    }
    this.#open.delete(seed);
    if (this.#open.size > 0) return false;
    this.#sumUp();
    return true;
  }

  #sumUp(): void {
    if (this.#begin === undefined) return;
    const { done, failed, interrupted } = this.outcome;
    const folder = this.#made();
    if (!this.#plan.share) writeSums(folder);
    folder.markEnd(this.#clock() - this.#begin);
    folder.logEvent({ kind: 'end', done, failed: [...failed.keys()], interrupted });
  }

  /** Gives the folder back to other processes. */
  close(): void {
    this.#folder?.close();
  }
}

/** Why a run, or a sweep, that is to become longer is not trained in shares: its config is replaced first, by one process. */
export const whyNoShares = (dir: string): string =>
  `${dir} holds fewer steps or seeds, and a share of the seeds cannot make it longer; train it once without shares`;

/** An engine as run.json has it. */
function engineRecord({ engine, reason }: UsedEngine): Origin['engine'] {
  const { name, device, version } = engine;
  return { name, device, version, reason };
}

/** The experiment that a folder was made with. @throws UserError when its config is damaged. */
function storedExperiment({ dir, configText }: RunFolder): Experiment {
  return loadExperiment({ file: path.join(dir, 'config.yaml'), text: configText });
}
