import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { valueAt } from '../config/key-path.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import type { CellSettings } from '../config/sweep.ts';
import { UserError } from '../errors.ts';
import type { Row } from '../training/events.ts';
import { onDisk, readText } from './atomic.ts';
import { numericRows, readCsv } from './csv.ts';
import { type DoneInfo, type RunInfo, readRunInfo } from './records.ts';
import { SeedFolder } from './seed-folder.ts';
import { isSweepFolder, readSweep } from './sweep-folder.ts';

/** A finished seed: its learning curve, row by row of metrics.csv, and what it ended with. */
export interface FinishedSeed {
  seed: number;
  rows: Row[];
  done: DoneInfo;
}

/** A run folder as its readers see it. */
export interface Run {
  dir: string;
  /** The folder's own name. */
  name: string;
  info: RunInfo;
  experiment: Experiment;
  configText: string;
  /** What it is in a sweep, where it was read as a part of one: the sweep's folder, and its value of every swept key. */
  cell: { sweep: string; settings: CellSettings } | null;
  /** In the config's order. */
  seeds: FinishedSeed[];
  /** The config's seeds that are not finished. */
  unfinished: number[];
}

/**
 * Reads a run folder without writing or locking anything.
 *
 * @throws UserError when `dir` is no run folder, is damaged or was made by a newer wm.
 */
export function readRun(dir: string): Run {
  const info = readRunInfo(dir);
  const file = join(dir, 'config.yaml');
  const configText = readText(file);
  if (info === undefined || configText === undefined) {
    if (isSweepFolder(dir)) {
      throw new UserError(`${dir} is a sweep of several runs; give one of the run folders in it`);
    }
    const missing = info === undefined ? 'run.json' : 'config.yaml';
    throw new UserError(`${dir} is no run folder: it holds no ${missing}; give a folder that wm train made`);
  }
  const experiment = loadExperiment({ file, text: configText, overrides: [], flags: {} });
  const seeds: FinishedSeed[] = [];
  const unfinished: number[] = [];
  for (const seed of experiment.seeds) {
    const folder = new SeedFolder(dir, seed);
    const done = folder.done();
    if (done === undefined) unfinished.push(seed);
    else seeds.push({ seed, rows: readMetrics(folder), done });
  }
  return { dir, name: basename(resolve(dir)), info, experiment, configText, cell: null, seeds, unfinished };
}

/**
 * Reads run folders, and sweep folders as their cells in the order of their values. Files among the paths are passed
 * over, if not all are: a shell's `runs/table1/*` names what lies beside the run folders too.
 *
 * @throws UserError when a path is neither, or where `readRun` throws.
 */
export function readRuns(paths: readonly string[]): Run[] {
  const folders = paths.filter(
    (path) => !onDisk(path, () => statSync(path, { throwIfNoEntry: false }))?.isFile(),
  );
  return (folders.length > 0 ? folders : paths).flatMap(readRunOrCells);
}

function readRunOrCells(dir: string): Run[] {
  const sweep = readSweep(dir);
  if (sweep === undefined) return [readRun(dir)];
  const keys = [...new Set(sweep.cells.flatMap(({ settings }) => Object.keys(settings)))];
  const runs = sweep.cells.map(({ experiment }) => {
    const run = readRun(join(dir, experiment.name));
    const settings = keys.map((key) => [key, valueAt(run.experiment, key.split('.'))]);
    return { ...run, cell: { sweep: dir, settings: Object.fromEntries(settings) } };
  });
  return byValues(runs, keys);
}

/** Sorted by the first key, equal ones by the next: numbers by size, anything else as it first comes. */
function byValues<R extends { cell: { settings: CellSettings } }>(runs: R[], keys: readonly string[]): R[] {
  const rankers = keys.map((key) => {
    const order = [...new Set(runs.map(({ cell }) => JSON.stringify(cell.settings[key])))];
    return ({ cell }: R) => {
      const value = cell.settings[key];
      return typeof value === 'number' ? value : order.indexOf(JSON.stringify(value));
    };
  });
  return runs.sort((a, b) => rankers.map((rank) => rank(a) - rank(b)).find((x) => x !== 0) ?? 0);
}

function readMetrics(folder: SeedFolder): Row[] {
  const file = join(folder.dir, 'metrics.csv');
  const table = readCsv(file);
  if (table === undefined) {
    throw new UserError(`${file}: missing; restore it, or delete ${folder.dir} and train again`);
  }
  return numericRows(table.rows, file);
}
