import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { isSystemError } from '../runs/atomic.ts';
import type { FoundRun } from '../runs/find.ts';
import { csvColumns, GrowingCsv } from '../runs/growing-csv.ts';
import { lockHolder } from '../runs/lock.ts';
import { type RunStanding, readStanding, type SeedStanding } from '../runs/status.ts';
import {
  type CurveFile,
  placeColumns,
  type RunCurves,
  type RunView,
  type SeedCurves,
  type SeedView,
} from './protocol.ts';

/** The records that say how a run stands; what a seed ended with is told in run.json too. */
const RECORDS = ['run.json', 'config.yaml', 'run.lock'];
/** Evaluations from whose pace the time left is told. */
const RECENT = 5;
/** Pictures as `wm train` leaves them: the environment step and the kind. */
const PICTURE = /^\d{1,15}\.(svg|gif)$/;

/** A run folder that is looked at again and again; of its files only what is new is read. */
export class WatchedRun {
  readonly id: number;
  readonly found: FoundRun;
  #signature = '';
  #standing: RunStanding | undefined;
  #fault: string | null = null;
  #version = 0;
  #losses: string[] = [];
  readonly #metrics = new Map<number, GrowingCsv>();
  readonly #pictures = new Map<number, string>();
  /** Why the curves of a seed cannot be read. */
  readonly #faults = new Map<number, string>();
  /** Read when a chart asks for them, and as long as one does. */
  #lossCurves = new Map<number, GrowingCsv>();
  #lossColumns: readonly string[] = [];

  constructor(id: number, found: FoundRun) {
    this.id = id;
    this.found = found;
  }

  /** How it stands; undefined where that cannot be read. */
  get standing(): RunStanding | undefined {
    return this.#standing;
  }

  /** Why it cannot be read; null where it can. */
  get fault(): string | null {
    return this.#fault;
  }

  /**
   * Looks at the folder.
   *
   * @param thoroughly also at the curves of a run to which nobody writes: they may come from another machine
   */
  async look(thoroughly: boolean): Promise<void> {
    const records = RECORDS.map((name) => signatureOf(join(this.found.dir, name))).join();
    const isWritten = this.#standing?.holder != null;
    const isAnother = records !== this.#signature || (isWritten && lockHolder(this.found.dir) === null);
    if (isAnother) this.#readStanding(records);
    if (this.#standing === undefined) return;
    if (isAnother || isWritten || thoroughly) await this.#readCurves(this.#standing);
  }

  #readStanding(records: string): void {
    this.#signature = records;
    try {
      this.#standing = readStanding(this.found);
      this.#fault = null;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#standing = undefined;
      this.#fault = error.message;
    }
  }

  async #readCurves({ dir, seeds }: RunStanding): Promise<void> {
    for (const { seed } of seeds) {
      const folder = join(dir, `seed-${seed}`);
      let metrics = this.#metrics.get(seed);
      if (metrics === undefined) {
        metrics = new GrowingCsv(join(folder, 'metrics.csv'));
        this.#metrics.set(seed, metrics);
      }
      try {
        if (await metrics.read()) this.#version++;
        // Losses come between evaluations, a hundred updates at a time.
        if (await this.#lossCurves.get(seed)?.read()) this.#version++;
        if (this.#losses.length === 0) this.#losses = await csvColumns(join(folder, 'losses.csv'));
        this.#faults.delete(seed);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        this.#faults.set(seed, error.message);
      }
      const picture = newestPicture(join(folder, 'media'));
      if (picture !== null) this.#pictures.set(seed, picture);
    }
  }

  /** What the page is told of it. @param label what it is called beside the others */
  view({ info, experiment, status, holder, seeds }: RunStanding, label: string): RunView {
    const metrics = [...this.#metrics.values()].find(({ columns }) => columns.length > 0);
    const drawable = (columns: readonly string[]) => columns.filter((name) => !placeColumns.includes(name));
    return {
      id: this.id,
      label,
      folder: this.found.dir,
      arm: info.arm,
      method: info.method,
      environment: experiment.environment,
      steps: experiment.steps,
      status,
      holder: holder && `process ${holder.pid} on ${holder.host}`,
      seeds: seeds.map((seed) => this.#seedView(seed, experiment.steps)),
      columns: { metrics: drawable(metrics?.columns ?? []), losses: drawable(this.#losses) },
      version: this.#version,
    };
  }

  #seedView({ seed, status, reason }: SeedStanding, steps: number): SeedView {
    const metrics = this.#metrics.get(seed);
    const reward = metrics?.last('reward_mean');
    return {
      seed,
      status,
      reason: reason ?? this.#faults.get(seed) ?? null,
      step: metrics?.last('env_step') || 0,
      reward: Number.isFinite(reward) ? reward! : null,
      endsAt: status === 'running' && metrics !== undefined ? endOf(metrics, steps) : null,
      picture: this.#pictures.get(seed) ?? null,
    };
  }

  /** Some columns of every seed's file, as far as they are there. */
  async curves(file: CurveFile, columns: readonly string[]): Promise<RunCurves> {
    const files = file === 'metrics' ? this.#metrics : await this.#openLosses(columns);
    // Seeds that have come differently far are thinned differently; a mean is over seeds at the same steps.
    const stride = Math.max(1, ...[...files.values()].map((csv) => csv.stride));
    const seeds = [...files].map(([seed, csv]): SeedCurves => {
      const every = stride / csv.stride;
      const picked = (column: string) =>
        csv
          .kept(column)
          .filter((_, i) => i % every === 0)
          .map((value) => (Number.isFinite(value) ? value : null));
      return { seed, columns: Object.fromEntries(columns.map((column) => [column, picked(column)])) };
    });
    return { id: this.id, version: this.#version, seeds };
  }

  async #openLosses(columns: readonly string[]): Promise<ReadonlyMap<number, GrowingCsv>> {
    if (columns.every((column) => this.#lossColumns.includes(column))) return this.#lossCurves;
    const wanted = [...new Set([...this.#lossColumns, ...columns])];
    const opened = new Map<number, GrowingCsv>();
    for (const { seed } of this.#standing?.seeds ?? []) {
      const csv = new GrowingCsv(join(this.found.dir, `seed-${seed}`, 'losses.csv'), { wanted });
      try {
        await csv.read();
        opened.set(seed, csv);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        this.#faults.set(seed, error.message);
      }
    }
    this.#lossColumns = wanted;
    this.#lossCurves = opened;
    return opened;
  }

  /** Forgets what was read for charts that nobody looks at any more. */
  closeLosses(): void {
    this.#lossColumns = [];
    this.#lossCurves = new Map();
  }
}

/** What changes when a file does; empty where there is none. */
function signatureOf(file: string): string {
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  } catch (error) {
    if (isSystemError(error)) return `${error.code}`;
    throw error;
  }
}

/** The picture of the latest step in a folder; null where there is none. */
function newestPicture(media: string): string | null {
  try {
    const pictures = readdirSync(media).filter((name) => PICTURE.test(name));
    return pictures.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1) ?? null;
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

/** When a seed will have come to `steps` if it goes on as in its last evaluations; null where that is not known. */
function endOf(metrics: GrowingCsv, steps: number): number | null {
  const step = metrics.last('env_step');
  const wall = metrics.last('wall_seconds');
  const perSecond =
    (step - (metrics.kept('env_step').at(-RECENT) ?? 0)) /
    (wall - (metrics.kept('wall_seconds').at(-RECENT) ?? 0));
  const end = metrics.modified + (1000 * (steps - step)) / perSecond;
  return perSecond > 0 && Number.isFinite(end) ? Math.round(end) : null;
}
