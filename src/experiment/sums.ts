import type { Experiment } from '../config/schema.ts';
import type { LapsedLocks } from '../runs/lock.ts';
import { readRun } from '../runs/read.ts';
import { isFinished, readRunInfo } from '../runs/records.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { summarise } from '../runs/summary.ts';

/**
 * Sums up a run whose seeds were trained by several processes, where each seed is done or has failed and nobody else has
 * the run: the last of them does. Where a seed waits or was interrupted, its share may be beginning, and is left alone.
 *
 * @param lapsed locks that nobody holds any more
 * @returns false where another process has the run or a share of it
 * @throws UserError when the folder is damaged or cannot be written.
 */
export function sumUpShares(
  { dir, experiment }: { dir: string; experiment: Experiment },
  lapsed?: LapsedLocks,
): boolean {
  const isDone = (seed: number) => {
    const done = new SeedFolder(dir, seed).done();
    return done !== undefined && isFinished(done, experiment);
  };
  const status = readRunInfo(dir)?.status ?? {};
  const done = experiment.seeds.filter(isDone);
  if (!experiment.seeds.every((seed) => done.includes(seed) || status[seed] === 'failed')) return true;
  const folder = RunFolder.openUnlessHeld(dir, lapsed);
  if (folder === null) return false;
  try {
    writeSums(folder);
    folder.markEnded(done);
    return true;
  } finally {
    folder.close();
  }
}

/** Writes what is joined from all seeds of a run. */
export function writeSums(folder: RunFolder): void {
  folder.joinMetrics();
  folder.writeSummary(summaryRows(folder.dir));
}

/** One row of summary.csv per finished seed. */
function summaryRows(dir: string) {
  const { info, experiment, seeds } = readRun(dir);
  return seeds.map(({ seed, rows, done }) => ({
    method: info.arm,
    seed,
    env_steps: done.steps,
    updates: done.updates,
    ...summarise(rows, experiment.environment),
    wall_seconds: done.wallSeconds,
    engine: done.engine,
    device: done.device,
  }));
}
