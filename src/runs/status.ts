import { basename, join, resolve } from 'node:path';
import { formatExperiment } from '../config/format.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { readText } from './atomic.ts';
import type { FoundRun } from './find.ts';
import { type LockHolder, lockHolders } from './lock.ts';
import type { Run } from './read.ts';
import { type DoneInfo, isFinished, type RunInfo, readRunInfo, type SeedStatus } from './records.ts';
import { entriesWithoutLinks } from './run-folder.ts';
import { SeedFolder } from './seed-folder.ts';
import { settingsOf } from './sweep-folder.ts';

/** How one seed of a run stands. */
export interface SeedStanding {
  seed: number;
  status: SeedStatus;
  /** Why it failed; null where it did not. */
  reason: string | null;
  /** What it ended with; null while it is not finished. */
  done: DoneInfo | null;
  /** Who trains it; null where nobody does. */
  holder: LockHolder | null;
}

/** How a run stands: what its small records say, and whether anybody writes to it. Its curves are not read. */
export interface RunStanding extends Pick<Run, 'dir' | 'name' | 'info' | 'experiment' | 'cell'> {
  status: SeedStatus;
  /** Who writes to it; null where nobody does. */
  holder: LockHolder | null;
  /** In the config's order. */
  seeds: SeedStanding[];
}

/**
 * How a run stands. Nothing is written or locked.
 *
 * @throws UserError when it is no run folder, is damaged, holds symbolic links, or was made by a newer wm.
 */
export function readStanding({ dir, cell, likely }: FoundRun): RunStanding {
  // What a folder from elsewhere links to is not its own to show.
  const names = entriesWithoutLinks(dir).map(({ name }) => name);
  const info = readRunInfo(dir, names);
  const file = join(dir, 'config.yaml');
  const text = readText(file);
  if (info === undefined || text === undefined) {
    const missing = info === undefined ? join(dir, 'run.json') : file;
    throw new UserError(`${missing}: missing; restore it from a copy, or give another folder`);
  }
  const experiment = likely && formatExperiment(likely) === text ? likely : loadExperiment({ file, text });
  const holders = lockHolders(dir, names);
  const holder = holders.whole ?? [...holders.seeds.values()][0] ?? null;
  const seeds = experiment.seeds.map((seed) =>
    seedStanding(dir, seed, info, experiment, holders.whole ?? holders.seeds.get(seed) ?? null),
  );
  return {
    dir,
    name: basename(resolve(dir)),
    info,
    experiment,
    cell: cell && { sweep: cell.dir, settings: settingsOf(experiment, cell.sweep) },
    status: runStatus(seeds, holder !== null),
    holder,
    seeds,
  };
}

function seedStanding(
  dir: string,
  seed: number,
  { status, failures }: RunInfo,
  experiment: Experiment,
  holder: LockHolder | null,
): SeedStanding {
  const done = new SeedFolder(dir, seed).done();
  if (done !== undefined && isFinished(done, experiment)) {
    return { seed, status: 'done', reason: null, done, holder: null };
  }
  const recorded = status[seed] ?? 'waiting';
  const standing = (status: SeedStatus, reason: string | null = null): SeedStanding => ({
    ...{ seed, status, reason, done: null },
    holder: status === 'running' ? holder : null,
  });
  if (recorded === 'failed') return standing('failed', failures[seed] ?? null);
  // Nobody was left to write that it ended.
  if (recorded === 'running' && holder === null) return standing('interrupted');
  // Marked as done in a shorter run.
  return standing(recorded === 'done' ? 'waiting' : recorded);
}

/** A run that nobody writes to stands as its seeds do: one that failed counts before one that was interrupted. */
function runStatus(seeds: readonly SeedStanding[], isWritten: boolean): SeedStatus {
  const has = (status: SeedStatus) => seeds.some((seed) => seed.status === status);
  if (isWritten) return 'running';
  if (has('failed')) return 'failed';
  const only = new Set(seeds.map(({ status }) => status));
  return only.size === 1 ? seeds[0]!.status : 'interrupted';
}
