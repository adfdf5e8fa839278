import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Experiment } from '../config/schema.ts';
import type { Sweep } from '../config/sweep.ts';
import { UserError } from '../errors.ts';
import { onDisk } from './on-disk.ts';
import { readSweep } from './sweep-folder.ts';

/** A run folder that was found. */
export interface FoundRun {
  dir: string;
  /** The sweep that it is a cell of, and that one's folder; null for a run of its own. */
  cell: { dir: string; sweep: Sweep } | null;
  /** What its config probably says; undefined where that is not known. */
  likely?: Experiment;
}

/** What stands in some folders. */
export interface Found {
  runs: FoundRun[];
  /** Folders that cannot be looked into, and why. */
  faults: { dir: string; fault: string }[];
}

/** Folders below one that is given in which runs are looked for: `runs/sweeps/lambda/lambda=1` is three below `runs`. */
const DEEPEST = 4;

/**
 * The run folders among some folders and below them, in the order of their names, cells in the order of their sweep. A
 * cell whose folder is not there is left out. Links below a folder that is given are not followed: one that came from
 * elsewhere could lead anywhere.
 *
 * @param sweepOf reads a sweep's folder; in its place, one that remembers
 * @throws UserError when one that is given is not there or no folder.
 */
export const findRuns = (dirs: readonly string[], sweepOf = readSweep): Found =>
  together(dirs.map((dir) => findIn(dir, dirs.length > 1, sweepOf)));

/** The same of folders that were there before: what has become of one since is a fault of it alone. */
export const findRemaining = (dirs: readonly string[], sweepOf = readSweep): Found =>
  together(
    dirs.map((dir) => {
      try {
        return findIn(dir, dirs.length > 1, sweepOf);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return { runs: [], faults: [{ dir, fault: error.message }] };
      }
    }),
  );

/** @param isOneOfSeveral a shell's `runs/table1/*` names what lies beside the run folders too, which is passed over */
function findIn(dir: string, isOneOfSeveral: boolean, sweepOf: typeof readSweep): Found {
  const found: Found = { runs: [], faults: [] };
  const stat = onDisk(dir, () => statSync(dir, { throwIfNoEntry: false }));
  if (stat === undefined) {
    throw new UserError(`${dir} does not exist; give a run folder, or a folder of such folders`);
  }
  if (stat.isDirectory()) look(dir, 0, found, sweepOf);
  else if (!isOneOfSeveral)
    throw new UserError(`${dir} is a file; give a run folder, or a folder of such folders`);
  return found;
}

/** Each run once, however many of the folders lead to it. */
function together(found: readonly Found[]): Found {
  const seen = new Set<string>();
  const isNew = ({ dir }: FoundRun) => !seen.has(resolve(dir)) && seen.add(resolve(dir));
  return {
    runs: found.flatMap(({ runs }) => runs).filter(isNew),
    faults: found.flatMap(({ faults }) => faults),
  };
}

function look(dir: string, depth: number, found: Found, sweepOf: typeof readSweep): void {
  let sweep: Sweep | undefined;
  let entries: Dirent[];
  try {
    entries = onDisk(dir, () => readdirSync(dir, { withFileTypes: true }));
    const isThere = (name: string) => entries.some((entry) => entry.name === name);
    if (isThere('run.json')) {
      found.runs.push({ dir, cell: null });
      return;
    }
    if (isThere('sweep.yaml')) sweep = sweepOf(dir);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    found.faults.push({ dir, fault: error.message });
    return;
  }
  const folders = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
  if (sweep !== undefined) {
    const there = new Set(folders);
    for (const { experiment } of sweep.cells) {
      if (!there.has(experiment.name)) continue;
      found.runs.push({ dir: join(dir, experiment.name), cell: { dir, sweep }, likely: experiment });
    }
  } else if (depth < DEEPEST) {
    for (const name of folders) look(join(dir, name), depth + 1, found, sweepOf);
  }
}
