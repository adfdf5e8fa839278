import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { FoundRun } from '../runs/find.ts';
import { csvColumns, GrowingCsv } from '../runs/growing-csv.ts';
import { holderWords, lockHolder } from '../runs/lock.ts';
import { newestPicture } from '../runs/media-folder.ts';
import { recordsSignature } from '../runs/signature.ts';
import { type RunStanding, readStanding, type SeedStanding } from '../runs/status.ts';
import { leadsOut } from '../runs/within.ts';
import { mean } from '../statistics.ts';
import {
  type CurveFile,
  curveFiles,
  placeColumns,
  type RunCurves,
  type RunView,
  type SeedCurves,
  type SeedView,
} from './protocol.ts';

/** Evaluations from whose pace the time left is told. */
const RECENT = 5;

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
  readonly #pictures = new Map<number, string | null>();
  /** Why a file of a seed cannot be read, by both. */
  readonly #faults = new Map<string, string>();
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
    const records = recordsSignature(this.found.dir);
    const isWritten = this.#standing?.holder != null;
    const hasEnded = isWritten && !this.#isHeld();
    // What was at fault may not have been in a record.
    const mayBeMended = thoroughly && this.#fault !== null;
    const isAnother = records !== this.#signature || hasEnded || mayBeMended;
    if (isAnother) this.#readStanding(records);
    if (this.#standing === undefined) return;
    if (isAnother || isWritten || thoroughly) await this.#readCurves(this.#standing);
  }

  /** Whether somebody writes to it still; where that cannot be read, reading how it stands says why. */
  #isHeld(): boolean {
    try {
      return lockHolder(this.found.dir) !== null;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return false;
    }
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
      const metrics = this.#metrics.get(seed) ?? new GrowingCsv(join(folder, 'metrics.csv'), { within: dir });
      this.#metrics.set(seed, metrics);
      await this.#attempt('metrics', seed, async () => {
        if (await metrics.read()) this.#version++;
      });
      await this.#attempt('losses', seed, async () => {
        if (await this.#lossCurves.get(seed)?.read()) this.#version++;
        // What was at fault is at fault until it can be read.
        if (this.#losses.length > 0 && !this.#faults.has(`${seed} losses`)) return;
        const columns = await csvColumns(join(folder, 'losses.csv'), dir);
        if (this.#losses.length === 0) this.#losses = columns;
      });
      const media = join(folder, 'media');
      this.#pictures.set(seed, strays(dir, media) === false ? newestPicture(media) : null);
    }
  }

  /** Reads a file of a seed, and remembers why where it cannot be. */
  async #attempt(file: CurveFile, seed: number, read: () => Promise<void>): Promise<void> {
    try {
      await read();
      this.#faults.delete(`${seed} ${file}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#faults.set(`${seed} ${file}`, error.message);
    }
  }

  /** What the page is told of it. @param label what it is called beside the others */
  view({ info, experiment, status, holder, seeds }: RunStanding, label: string): RunView {
    const metrics = [...this.#metrics.values()].find(({ columns }) => columns.length > 0);
    const views = seeds.map((seed) => this.#seedView(seed, experiment.steps));
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
      holder: holder && holderWords(holder),
      endsAt: this.#endOf(views, experiment.steps),
      seeds: views,
      columns: { metrics: drawable(metrics?.columns ?? []), losses: drawable(this.#losses) },
      version: this.#version,
    };
  }

  #seedView({ seed, status, reason }: SeedStanding, steps: number): SeedView {
    const metrics = this.#metrics.get(seed);
    const reward = metrics?.last('reward_mean');
    const step = metrics?.last('env_step') || 0;
    const pace = status === 'running' && metrics !== undefined ? paceOf(metrics) : null;
    const [fault] = curveFiles.flatMap((file) => this.#faults.get(`${seed} ${file}`) ?? []);
    return {
      seed,
      status,
      reason: reason ?? fault ?? null,
      step,
      reward: Number.isFinite(reward) ? reward! : null,
      endsAt: pace && Math.round(pace.at + (1000 * (steps - step)) / pace.perSecond),
      picture: this.#pictures.get(seed) ?? null,
    };
  }

  /** When all seeds will have ended, if as many train at once as now, those just begun as fast as the others. */
  #endOf(seeds: readonly SeedView[], steps: number): number | null {
    const running = seeds.filter(({ status }) => status === 'running');
    const paces = running.flatMap(({ seed }) => paceOf(this.#metrics.get(seed)!) ?? []);
    const perSecond = mean(paces.map((pace) => pace.perSecond));
    if (perSecond === null) return null;
    const left = seeds.map(({ status, step }) =>
      status === 'running' || status === 'waiting' ? Math.max(0, steps - step) : 0,
    );
    const latest = Math.max(...paces.map(({ at }) => at));
    return Math.round(latest + (1000 * left.reduce((a, b) => a + b, 0)) / (perSecond * running.length));
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
      const { dir } = this.found;
      const csv = new GrowingCsv(join(dir, `seed-${seed}`, 'losses.csv'), { wanted, within: dir });
      // One that cannot be read now is tried again whenever the run is looked at.
      opened.set(seed, csv);
      await this.#attempt('losses', seed, async () => {
        await csv.read();
      });
    }
    this.#lossColumns = wanted;
    this.#lossCurves = opened;
    return opened;
  }

  /** A file of a seed that a link has outside the run's folder; undefined where there is none. */
  get strayed(): string | undefined {
    return this.#standing?.seeds
      .map(({ seed }) => join(this.found.dir, `seed-${seed}`, 'metrics.csv'))
      .find((file) => strays(this.found.dir, file));
  }

  /** Forgets what was read for charts that nobody looks at any more. */
  closeLosses(): void {
    this.#lossColumns = [];
    this.#lossCurves = new Map();
  }
}

/** Environment steps a second in the last evaluations, and when that was; null where it is not known. */
function paceOf(metrics: GrowingCsv): { perSecond: number; at: number } | null {
  const since = (column: string) => metrics.last(column) - (metrics.kept(column).at(-RECENT) ?? 0);
  const perSecond = since('env_step') / since('wall_seconds');
  return perSecond > 0 && Number.isFinite(perSecond) ? { perSecond, at: metrics.modified } : null;
}

/** Whether a file leads out of a run's folder; undefined where that cannot be looked at. */
function strays(dir: string, file: string): boolean | undefined {
  try {
    return leadsOut(dir, file);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return undefined;
  }
}
