import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { printable } from '../printable.ts';
import { makeFolder, readBytes, readText, replaceFile } from '../runs/atomic.ts';
import { numericRows, parseCsv, wholeLines } from '../runs/csv.ts';
import { readStarts } from '../runs/events.ts';
import { findRuns } from '../runs/find.ts';
import { onDisk } from '../runs/on-disk.ts';
import { type RunStanding, readStanding } from '../runs/status.ts';
import { eventFile } from '../tensorboard/event-file.ts';
import { readPicture } from '../tensorboard/picture.ts';
import { eventsBySitting, type SeedLog } from '../tensorboard/seed-events.ts';
import type { Row } from '../training/events.ts';
import { counted } from '../words.ts';

interface ExportOptions {
  tensorboard: string;
  replace?: boolean;
  json?: boolean;
}

/** What was written of a seed. */
interface ExportedSeed {
  seed: number;
  /** The folder of its event files. */
  dir: string;
  files: string[];
  /** Environment steps, or updates, that have something to show. */
  steps: number;
  pictures: number;
}

/** Bytes of the largest picture that is taken along. */
const LARGEST_PICTURE = 2 ** 26;

/** `wm export --tensorboard DIR`: the runs' curves and pictures as TensorBoard's event files. Returns the exit code. */
export function exportCommand(
  dirs: readonly string[],
  { tensorboard: out, replace = false, json }: ExportOptions,
): number {
  const { runs: found, faults } = findRuns(dirs);
  for (const { dir, fault } of faults) process.stderr.write(`${printable(dir)} is left out: ${fault}\n`);
  if (found.length === 0) throw new UserError(`${dirs.join(', ')}: no runs to export; give run folders`);
  const runs = found.map(readStanding);
  const folders = foldersOf(runs.map(({ dir }) => dir)).map((folder) => path.join(out, folder));
  refuseFolder(out, folders, replace);

  // All is read before anything is written, and each again for that: together it may not fit in memory.
  for (const run of runs) for (const _ of seedLogs(run, []));
  const notShown: string[] = [];
  const seeds: ExportedSeed[] = [];
  for (const [index, run] of runs.entries()) {
    for (const [seed, log] of seedLogs(run, notShown)) seeds.push(...exportSeed(seed, log, folders[index]!));
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ dir: out, seeds, notShown })}\n`);
    return 0;
  }
  if (notShown.length > 0) {
    const [first] = notShown;
    process.stderr.write(
      `${notShown.length} picture${notShown.length === 1 ? ' is' : 's are'} left out, such as ${printable(first!)}: TensorBoard shows PNG and GIF\n`,
    );
  }
  const words = `${counted(seeds.length, 'seed')} of ${counted(runs.length, 'run')}`;
  process.stdout.write(`wrote ${words} to ${out}; look at them with: tensorboard --logdir ${out}\n`);
  return 0;
}

/**
 * A folder for each run, called as its own; where two would be called the same, with the folders above it, as far as it
 * takes to tell all apart: `table1/dream-critic`, `pendulum/dream-critic`.
 *
 * @param dirs of different places, as `findRuns` gives them
 */
function foldersOf(dirs: readonly string[]): string[] {
  const places = dirs.map((dir) => path.resolve(dir));
  const parts = places.map((place) => place.split(path.sep).filter(Boolean));
  for (let depth = 1; ; depth++) {
    const folders = parts.map((names) => names.slice(-depth).join(path.sep));
    if (new Set(folders).size === folders.length) return folders;
  }
}

/** @throws UserError where the folder holds something that was not asked to be replaced, or would mix with a run. */
function refuseFolder(out: string, folders: readonly string[], replace: boolean): void {
  const run = [out, ...folders].find((folder) => existsSync(path.join(folder, 'run.json')));
  if (run !== undefined) throw new UserError(`${run} is a run's own folder; export to another one`);
  const entries = existsSync(out) ? onDisk(out, () => readdirSync(out)) : [];
  if (entries.length > 0 && !replace) {
    throw new UserError(
      `${out} holds files already; --replace replaces the event files that wm wrote for these runs, or choose another folder`,
    );
  }
}

/** What is known of a run's seeds, each read when it is asked for. @param notShown where the pictures are added that TensorBoard cannot show */
function* seedLogs({ dir, info, seeds }: RunStanding, notShown: string[]): Generator<[number, SeedLog]> {
  const startsOf = readStarts(dir, info);
  for (const { seed } of seeds) {
    const from = path.join(dir, `seed-${seed}`);
    const log: SeedLog = {
      metrics: readRows(path.join(from, 'metrics.csv')),
      losses: readRows(path.join(from, 'losses.csv')),
      pictures: readPictures(path.join(from, 'media'), notShown),
      sittings: startsOf(seed),
    };
    yield [seed, log];
  }
}

function exportSeed(seed: number, log: SeedLog, folder: string): ExportedSeed[] {
  const sittings = eventsBySitting(log);
  if (sittings.length === 0) return [];
  const to = path.join(folder, `seed-${seed}`);
  const files = sittings.map(({ began }, index) => fileName(began, index));
  makeFolder(to);
  for (const name of onDisk(to, () => readdirSync(to))) {
    // A sitting that is no more would still be shown.
    if (OURS.test(name) && !files.includes(name)) onDisk(to, () => rmSync(path.join(to, name)));
  }
  for (const [index, { began, events }] of sittings.entries()) {
    replaceFile(path.join(to, files[index]!), eventFile(began, events));
  }
  const steps = sittings.reduce((sum, { events }) => sum + events.length, 0);
  return [{ seed, dir: to, files, steps, pictures: log.pictures.length }];
}

/** TensorBoard reads a folder's event files in the order of their names, which begin like this. */
const fileName = (began: number, index: number) =>
  `events.out.tfevents.${String(Math.floor(began)).padStart(10, '0')}.wm.${String(index).padStart(4, '0')}`;
const OURS = /^events\.out\.tfevents\.\d+\.wm\.\d+$/;

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** The whole rows that a file has by now; none where there is no file. @throws UserError where it is damaged. */
function readRows(file: string): Row[] {
  const whole = wholeLines(readText(file) ?? '');
  if (whole === '') return [];
  const rows = numericRows(parseCsv(whole, file).rows, file);
  for (const [index, { env_step, update }] of rows.entries()) {
    if (!isCount(env_step)) {
      throw new UserError(`${file}:${index + 2}: env_step is no number of steps; restore this file`);
    }
    if (update != null && !isCount(update)) {
      throw new UserError(`${file}:${index + 2}: update is no number of updates; restore this file`);
    }
  }
  return rows;
}

function readPictures(
  dir: string,
  notShown: string[],
): { step: number; picture: NonNullable<ReturnType<typeof readPicture>> }[] {
  if (!existsSync(dir)) return [];
  return onDisk(dir, () => readdirSync(dir)).flatMap((name) => {
    const file = path.join(dir, name);
    const [, step] = /^(\d{1,10})\.(png|gif)$/.exec(name) ?? [];
    const bytes = step === undefined ? undefined : readBytes(file, LARGEST_PICTURE);
    const picture = bytes && readPicture(bytes);
    if (picture) return [{ step: Number(step), picture }];
    notShown.push(file);
    return [];
  });
}
