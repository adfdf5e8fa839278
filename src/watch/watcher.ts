import { join } from 'node:path';
import { runLabels } from '../compare/samples.ts';
import { findRemaining } from '../runs/find.ts';
import { signatureOf } from '../runs/signature.ts';
import type { RunStanding } from '../runs/status.ts';
import { readSweep } from '../runs/sweep-folder.ts';
import type { FaultView, News, RunView } from './protocol.ts';
import { WatchedRun } from './watched-run.ts';

/** Milliseconds between two looks at runs that are written, however many pages ask. */
const SOON = 900;
/** Every so many-th look is for new runs too, and for curves that nobody here writes. */
const THOROUGH = 5;

/** What is known of the runs in some folders, brought up to date whenever somebody asks. */
export class Watcher {
  readonly #dirs: readonly string[];
  readonly #clock: () => number;
  readonly #now: () => number;
  #runs = new Map<string, WatchedRun>();
  #folderFaults: FaultView[] = [];
  #ids = 0;
  #looks = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  /** Each run's view with the number of the change that it came with. */
  readonly #views = new Map<number, { text: string; view: RunView; change: number }>();
  #change = 0;
  /** Sweeps by their folder, read again when their file changes: a thousand cells take a second. */
  readonly #sweeps = new Map<string, { signature: string; sweep: ReturnType<typeof readSweep> }>();

  /**
   * @param clock milliseconds, by a clock that nobody sets
   * @param now milliseconds since 1970
   */
  constructor(dirs: readonly string[], clock: () => number, now: () => number) {
    this.#dirs = dirs;
    this.#clock = clock;
    this.#now = now;
  }

  /** Every run that can be read, in its order, with how it stands. */
  get runs(): { run: WatchedRun; standing: RunStanding }[] {
    return [...this.#runs.values()].flatMap((run) =>
      run.standing === undefined ? [] : [{ run, standing: run.standing }],
    );
  }

  /** The run of an id, as the page has it. */
  run(id: number): WatchedRun | undefined {
    return [...this.#runs.values()].find((run) => run.id === id);
  }

  /** Looks at all folders, if that was not done just now. */
  async look(): Promise<void> {
    if (this.#looking === undefined && this.#clock() - this.#lookedAt < SOON) return;
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
      this.#lookedAt = this.#clock();
    });
    await this.#looking;
  }

  async #lookNow(): Promise<void> {
    const thoroughly = this.#looks++ % THOROUGH === 0;
    if (thoroughly) this.#find();
    for (const run of this.#runs.values()) await run.look(thoroughly);
    const readable = this.runs;
    const labels = runLabels(readable.map(({ standing }) => standing));
    for (const [i, { run, standing }] of readable.entries()) {
      const view = run.view(standing, labels[i]!);
      const text = JSON.stringify(view);
      if (this.#views.get(run.id)?.text === text) continue;
      this.#views.set(run.id, { text, view, change: ++this.#change });
    }
  }

  #find(): void {
    // A folder that was given may be gone since.
    const { runs, faults } = findRemaining(this.#dirs, (dir) => this.#sweepIn(dir));
    this.#folderFaults = faults.map(({ dir, fault }) => ({ folder: dir, fault }));
    const before = this.#runs;
    this.#runs = new Map(
      runs.map((found) => [found.dir, before.get(found.dir) ?? new WatchedRun(this.#ids++, found)]),
    );
  }

  #sweepIn(dir: string): ReturnType<typeof readSweep> {
    const file = join(dir, 'sweep.yaml');
    const signature = signatureOf(file);
    const known = this.#sweeps.get(dir);
    if (known?.signature === signature) return known.sweep;
    const sweep = readSweep(dir);
    this.#sweeps.set(dir, { signature, sweep });
    return sweep;
  }

  /**
   * What has changed since an earlier call.
   *
   * @param since what that call gave as `change`; 0 for everything
   */
  news(since: number): { news: News; change: number } {
    const views = this.runs.map(({ run }) => this.#views.get(run.id)!);
    const faults = [...this.#runs.values()].flatMap(({ found, fault }) =>
      fault === null ? [] : [{ folder: found.dir, fault }],
    );
    const news = {
      now: this.#now(),
      order: views.map(({ view }) => view.id),
      changed: views.filter(({ change }) => change > since).map(({ view }) => view),
      faults: [...this.#folderFaults, ...faults],
    };
    return { news, change: this.#change };
  }

  /** Forgets what was read for charts. */
  rest(): void {
    for (const run of this.#runs.values()) run.closeLosses();
  }
}
