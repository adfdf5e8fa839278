import { existsSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { formatExperiment } from '../config/format.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import type { CellSettings } from '../config/sweep.ts';
import { environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import type { Row } from '../training/events.ts';
import { readText } from './atomic.ts';
import { numericRows, readCsv } from './csv.ts';
import { faultOf } from './fault.ts';
import { onDisk } from './on-disk.ts';
import { type DoneInfo, isFinished, type RunInfo, readRunInfo } from './records.ts';
import { SeedFolder, TRAINING_EPISODES } from './seed-folder.ts';
import { isSweepFolder, readSweep, settingsOf, sweptKeys } from './sweep-folder.ts';
import { companions, readWorkers } from './workers.ts';

/** A finished seed: its learning curve, row by row of metrics.csv, and what it ended with. */
export interface FinishedSeed {
  seed: number;
  rows: Row[];
  /** Row by row of training-episodes.csv, where its method logs the episodes of training. */
  episodes?: Row[] | undefined;
  done: DoneInfo;
  /** The seeds that trained in its worker process, itself among them; null where that is not known or changed. */
  worker: readonly number[] | null;
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
  /** The finished seeds among runs to compare whose numbers cannot be right, and why; they are not among `seeds`. */
  faulty: { seed: number; fault: string }[];
}

/**
 * Reads a run folder without writing or locking anything.
 *
 * @param likely what its config probably says, where that is known: of a sweep's thousand cells, each as sweep.yaml has
 *   it, comparing the text takes half as long as reading it
 * @throws UserError when `dir` is no run folder, is damaged or was made by a newer wm.
 */
export function readRun(dir: string, likely?: Experiment): Run {
  requireFolder(dir);
  const info = readRunInfo(dir);
  const file = join(dir, 'config.yaml');
  const configText = readText(file);
  if (info === undefined || configText === undefined) throw new UserError(whyNoRun(dir, info));
  const experiment =
    likely && formatExperiment(likely) === configText ? likely : loadExperiment({ file, text: configText });
  const seeds: FinishedSeed[] = [];
  const unfinished: number[] = [];
  const workers = readWorkers(dir);
  for (const seed of experiment.seeds) {
    const folder = new SeedFolder(dir, seed);
    const done = folder.done();
    if (done === undefined || !isFinished(done, experiment)) unfinished.push(seed);
    else {
      const rows = { rows: readMetrics(folder), episodes: readEpisodes(folder) };
      seeds.push({ seed, ...rows, done, worker: companions(seed, done, workers) });
    }
  }
  const name = basename(resolve(dir));
  return { dir, name, info, experiment, configText, cell: null, seeds, unfinished, faulty: [] };
}

/** What stands at a path; undefined where nothing does. @throws UserError where it cannot be looked at. */
const lookAt = (path: string): Stats | undefined =>
  onDisk(path, () => statSync(path, { throwIfNoEntry: false }));

function requireFolder(dir: string): void {
  const found = lookAt(dir);
  if (found === undefined) {
    throw new UserError(`${dir} does not exist; give a run folder, one that wm train made`);
  }
  if (!found.isDirectory()) {
    throw new UserError(`${dir} is a file, no run folder; give the folder that wm train made`);
  }
}

/** What a folder is that is no run, in one sentence with what to give in its place. */
function whyNoRun(dir: string, info: RunInfo | undefined): string {
  if (info !== undefined)
    return `${join(dir, 'config.yaml')}: missing; restore it from a copy, or give another folder`;
  if (isSweepFolder(dir)) return `${dir} is a sweep of several runs; give one of the run folders in it`;
  const run = dirname(resolve(dir));
  if (/^seed-\d+$/.test(basename(resolve(dir))) && holds(run, RUN_FILES)) {
    return `${dir} is one seed's folder; give its run folder, ${join(dir, '..')}`;
  }
  const inside = foldersIn(dir);
  const [first, ...others] = inside.filter((each) => holds(each, RUN_FILES));
  if (first !== undefined) {
    return `${dir} is no run folder, but holds ${others.length === 0 ? 'one' : `${others.length + 1} of them`}; give one, such as ${first}`;
  }
  const above = inside.find((each) => foldersIn(each).some((deeper) => holds(deeper, RUN_FILES)));
  if (above !== undefined) return `${dir} is no run folder, but there are some in ${above}; give that`;
  return `${dir} is no run folder: it holds no run.json; give a folder that wm train made`;
}

const RUN_FILES = ['run.json', 'sweep.yaml'];

const holds = (dir: string, names: readonly string[]) =>
  onDisk(dir, () => names.some((name) => statSync(join(dir, name), { throwIfNoEntry: false })));

/** The folders in a folder, links to folders among them, hidden ones not, in the order of their names. */
function foldersIn(dir: string): string[] {
  const names = onDisk(dir, () => readdirSync(dir)).filter((name) => !name.startsWith('.'));
  return names
    .sort()
    .map((name) => join(dir, name))
    .filter((path) => lookAt(path)?.isDirectory());
}

/** Runs to compare. */
export interface ReadRuns {
  runs: Run[];
  /** Folders beside the runs of a folder of runs that are no runs themselves. */
  passedOver: string[];
  /** Cells of a sweep whose folders are not there: deleted, or not begun. */
  missing: string[];
}

/**
 * Reads run folders, sweep folders as their cells in the order of their values, and folders of such folders as what they
 * hold. Files among the paths are passed over, if not all are: a shell's `runs/table1/*` names what lies beside the run
 * folders too. Seeds whose numbers cannot be right are set apart.
 *
 * @throws UserError when a path is none of these, when two lead to one run, or where `readRun` throws.
 */
export function readRuns(paths: readonly string[]): ReadRuns {
  const folders = paths.filter((path) => !lookAt(path)?.isFile());
  const passedOver: string[] = [];
  const missing: string[] = [];
  const runs = (folders.length > 0 ? folders : paths).flatMap((path) => {
    requireFolder(path);
    if (holds(path, RUN_FILES)) return readRunOrCells(path, missing);
    const inside = foldersIn(path);
    const found = inside.filter((each) => holds(each, RUN_FILES));
    if (found.length === 0) return [readRun(path)];
    passedOver.push(...inside.filter((each) => !found.includes(each)));
    return found.flatMap((each) => readRunOrCells(each, missing));
  });
  refuseRepetition(runs);
  return { runs: runs.map(setFaultyApart), passedOver, missing };
}

/** Twice the same seeds would stand as two runs that agree to the last digit. */
function refuseRepetition(runs: readonly Run[]): void {
  const seen = new Map<string, string>();
  for (const { dir } of runs) {
    const place = onDisk(dir, () => realpathSync(dir));
    const other = seen.get(place);
    if (other !== undefined) {
      throw new UserError(
        `${other === dir ? dir : `${other} and ${dir}`}: the same run folder twice; give it once`,
      );
    }
    seen.set(place, dir);
  }
}

function setFaultyApart(run: Run): Run {
  const entry = environmentEntry(run.experiment.environment);
  const faults = new Map(
    run.seeds.map(({ seed, rows }) => [seed, faultOf(seed, rows, run.experiment.environment, entry)]),
  );
  return {
    ...run,
    seeds: run.seeds.filter(({ seed }) => faults.get(seed) === null),
    faulty: run.seeds.flatMap(({ seed }) => {
      const fault = faults.get(seed);
      return fault ? [{ seed, fault }] : [];
    }),
  };
}

/** @param missing where the cells of a sweep whose folders are not there are added */
function readRunOrCells(dir: string, missing: string[]): Run[] {
  const sweep = readSweep(dir);
  if (sweep === undefined) return [readRun(dir)];
  const cells = sweep.cells.map(({ experiment }) => ({ experiment, path: join(dir, experiment.name) }));
  const there = cells.filter(({ path }) => existsSync(path));
  if (there.length === 0) {
    throw new UserError(
      `no cell of ${dir} has begun; wm sweep --config ${join(dir, 'sweep.yaml')} --runs ${join(dir, '..')} trains them, wm status ${dir} says how they stand`,
    );
  }
  const found = new Set(there);
  missing.push(...cells.filter((cell) => !found.has(cell)).map(({ path }) => path));
  const runs = there.map(({ experiment, path }) => {
    const run = readRun(path, experiment);
    return { ...run, cell: { sweep: dir, settings: settingsOf(run.experiment, sweep) } };
  });
  return byValues(runs, sweptKeys(sweep));
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

/** The rows of a finished seed's metrics.csv. @throws UserError when it is missing or damaged. */
export function readMetrics(folder: SeedFolder): Row[] {
  const file = join(folder.dir, 'metrics.csv');
  const table = readCsv(file);
  if (table === undefined) {
    throw new UserError(`${file}: missing; restore it from a copy, or give another folder`);
  }
  return numericRows(table.rows, file);
}

/** The rows of a finished seed's training-episodes.csv; undefined where there is none. @throws UserError when it is damaged. */
function readEpisodes(folder: SeedFolder): Row[] | undefined {
  const file = join(folder.dir, TRAINING_EPISODES);
  const table = readCsv(file);
  return table && numericRows(table.rows, file);
}
