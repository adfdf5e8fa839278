import { join } from 'node:path';
import { valueAt } from '../../config/key-path.ts';
import { UserError } from '../../errors.ts';
import { methods } from '../../methods/index.ts';
import { type CsvRow, namedRows, readCsv } from '../../runs/csv.ts';
import type { ReadRuns, Run } from '../../runs/read.ts';
import { GRADIENTS, SeedFolder } from '../../runs/seed-folder.ts';
import { ALL, CRITIC, FLOW_NAMES, flowColumns } from '../../training/gradient-flow.ts';
import { folderNotes } from '../notes.ts';
import { runLabels } from '../samples.ts';

/** What was measured of one loss in one module at one update. */
export interface Measure {
  norm: number;
  cosine: number | null;
}

/** One measured update. */
export interface Moment {
  update: number;
  step: number;
  /** By term, then by module. */
  of: Map<string, Map<string, Measure>>;
}

/** A run whose seeds were measured at the same updates. */
export interface MeasuredRun {
  label: string;
  run: Run;
  /** Of each seed. */
  updates: number;
  seeds: { seed: number; moments: Moment[] }[];
  /** Those that the critic's gradient reaches, `all` last. */
  modules: string[];
  /** In the order of gradients.csv. */
  terms: string[];
  /** Whether training cuts the critic's gradient off: what is measured is what it would be. */
  isCutOff: boolean;
}

/** What is to be told of, and in sentences what is left out and why. */
export interface Field {
  runs: MeasuredRun[];
  notes: string[];
}

/** Parts of the training, equally long in updates. */
export const PARTS = 4;

/** Why nothing can be told of a run, in words that stand before a list of such runs; undefined where there is nothing. */
function amiss(run: Run): string | undefined {
  const { experiment } = run;
  const { measuresGradients, gradientRefusal } = methods[experiment.method];
  if (!measuresGradients) return 'of a method whose gradients are not measured';
  if (gradientRefusal(experiment) !== undefined) return 'no critic could shape the model';
  if (!experiment.gradients) return 'trained without gradients: {every: N}, so that nothing was measured';
  if (run.unfinished.length > 0) return 'not every seed is finished';
  return run.faulty.length > 0 ? 'numbers of a seed cannot be right' : undefined;
}

/**
 * The finished runs that were measured.
 *
 * @throws UserError where there is none, or a file is damaged
 */
export function measuredRuns({ runs, passedOver, missing }: ReadRuns): Field {
  const leftOut = new Map<string, string[]>();
  const leave = ({ dir }: Run, why: string) => leftOut.set(why, [...(leftOut.get(why) ?? []), dir]);
  const labels = runLabels(runs);
  const measured = runs.flatMap((run, index) => {
    const why = amiss(run);
    const read = why === undefined ? readMoments(run) : why;
    if (typeof read === 'string') leave(run, read);
    return typeof read === 'string' ? [] : [described(labels[index]!, run, read)];
  });
  const reasons = [...leftOut].map(([why, dirs]) => `${why}: ${dirs.join(', ')}`);
  if (measured.length === 0) {
    throw new UserError(
      `no run has gradients to tell of (${reasons.join('; ')}); train one with gradients: {every: N}, so that N updates fit often into its training`,
    );
  }
  return {
    runs: measured,
    notes: [...folderNotes({ passedOver, missing }), ...reasons.map((reason) => `Left out, ${reason}.`)],
  };
}

function described(label: string, run: Run, seeds: MeasuredRun['seeds']): MeasuredRun {
  const { of } = seeds[0]!.moments[0]!;
  return {
    ...{ label, run, seeds, updates: run.seeds[0]!.done.updates },
    modules: [...of.get(CRITIC)!.keys()],
    terms: [...of.keys()],
    isCutOff: valueAt(run.experiment, ['critic', 'shapesModel']) === false,
  };
}

/** What each seed was measured at, or why that cannot be told. */
function readMoments(run: Run): MeasuredRun['seeds'] | string {
  const seeds = run.seeds.map(({ seed }) => ({ seed, moments: momentsIn(run.dir, seed) }));
  const updatesOf = ({ moments }: (typeof seeds)[number]) => moments.map(({ update }) => update);
  const [first] = seeds;
  if (seeds.some((seed) => `${updatesOf(seed)}` !== `${updatesOf(first!)}`)) {
    return 'its seeds were measured at different updates';
  }
  const { updates } = run.seeds[0]!.done;
  if (run.seeds.some(({ done }) => done.updates !== updates)) {
    return 'its seeds made different numbers of updates, so that parts of the training are not the same';
  }
  const parts = new Set(updatesOf(first!).map((update) => partOf(update, updates)));
  if (parts.size < PARTS) return `too few updates were measured to tell ${PARTS} parts of the training`;
  const measures = seeds.flatMap(({ moments }) =>
    moments.flatMap(({ of }) => [...of.values()].flatMap((modules) => [...modules.values()])),
  );
  return measures.some(({ norm }) => !Number.isFinite(norm)) ? 'a gradient was not finite' : seeds;
}

/** Which part of the training an update from 1 on stands in, from 0. */
export const partOf = (update: number, updates: number): number => Math.ceil((update * PARTS) / updates) - 1;

/** A finished seed's gradients.csv, update by update. @throws UserError where it is missing or damaged. */
function momentsIn(dir: string, seed: number): Moment[] {
  const file = join(new SeedFolder(dir, seed).dir, GRADIENTS);
  const restore = 'restore it from a copy, or leave this run out';
  const table = readCsv(file);
  if (table === undefined) throw new UserError(`${file}: missing; ${restore}`);
  const lacking = flowColumns.find((column) => !table.columns.includes(column));
  if (lacking !== undefined) throw new UserError(`${file}:1: lacks the column ${lacking}; ${restore}`);
  const moments: Moment[] = [];
  for (const row of namedRows(table.rows, FLOW_NAMES, file)) take(moments, row);
  const odd = moments.find(({ of }) => !of.get(CRITIC)?.has(ALL) || !isLike(of, moments[0]!.of));
  if (odd) throw new UserError(`${file}: lacks rows of update ${odd.update}; ${restore}`);
  return moments;
}

function take(moments: Moment[], row: CsvRow): void {
  const update = Number(row.update);
  if (moments.at(-1)?.update !== update) {
    moments.push({ update, step: Number(row.env_step), of: new Map() });
  }
  const { of } = moments.at(-1)!;
  const modules = of.get(String(row.term)) ?? new Map<string, Measure>();
  of.set(String(row.term), modules);
  modules.set(String(row.module), {
    norm: row.norm === null ? Number.NaN : Number(row.norm),
    cosine: row.cosine === null ? null : Number(row.cosine),
  });
}

/** Whether two updates have the same terms and modules. */
function isLike(a: Moment['of'], b: Moment['of']): boolean {
  const names = (of: Moment['of']) => [...of].map(([term, modules]) => [term, ...modules.keys()].join());
  return names(a).join(';') === names(b).join(';');
}
