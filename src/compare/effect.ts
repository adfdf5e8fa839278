import { bootstrapComparison } from '../bootstrap.ts';
import { differingKeys } from '../config/format.ts';
import { valueAt } from '../config/key-path.ts';
import { shown } from '../config/problems.ts';
import { UserError } from '../errors.ts';
import { type CsvRow, formatCsv } from '../runs/csv.ts';
import { type Run, readRuns } from '../runs/read.ts';
import { holm, type Interval, mean, standardDeviation } from '../statistics.ts';
import { effectForPower, type WelchTest, welch } from '../student.ts';
import { CONDITIONS } from './conditions.ts';
import { formatInterval, formatNumber, formatProbability, UNKNOWN } from './numbers.ts';
import { FEWEST_SEEDS } from './pairs.ts';
import { renderMarkdown, renderText } from './render.ts';
import { armTitle, resamples } from './samples.ts';
import type { Section, Table } from './sections.ts';

/** What of the last row of metrics.csv an effect is told of; errors by their logarithms, so that an effect is a factor. */
const MEASURES = [
  { column: 'prediction_mse', name: 'One step ahead', factor: true },
  { column: 'consistency_1', name: 'One step ahead, latents', factor: true },
  { column: 'open_loop_mse_15', name: 'Open loop, 15 steps', factor: true },
  { column: 'consistency_15', name: 'Open loop, 15 steps, latents', factor: true },
  { column: 'reward_mse', name: 'Reward error', factor: true },
  { column: 'reward_mean', name: 'Final reward', factor: false },
] as const;

const POWER = 0.8;
const LEVEL = 0.05;

/** Two runs that differ in one key. */
interface Switched {
  /** The arm without what the key says, and the task. */
  label: string;
  one: Run;
  other: Run;
}

/** What a key does to one number in one pair of runs. */
export interface Effect {
  measure: string;
  label: string;
  /** Seeds that have the number, with the first value of the key and with the second. */
  seeds: [number, number];
  means: [number, number];
  /** The factor by which the geometric mean is larger with the first value, or the difference of means. */
  effect: number;
  interval: Interval | null;
  /** Of logarithms, where the effect is a factor. */
  welch: WelchTest | null;
  /** Holm's, over the pairs of the measure. */
  adjustedP: number | null;
  /** The least effect that so many seeds of this spread show with a power of 0.8 at the level 0.05, alone. */
  shows: number | null;
  seen: 'larger' | 'smaller' | 'none' | 'too few';
}

/** The effects of a key, as data and in every format. */
export interface Effects {
  effects: Effect[];
  notes: string[];
  text: string;
  files: Record<string, string>;
}

/**
 * What one key does, over all pairs of finished runs among `dirs` that differ in nothing else; nothing is written.
 *
 * @param key dotted, e.g. `critic.shapesModel`
 * @throws UserError where there is no such pair, or the key has more than two values in otherwise equal runs
 */
export function effectsOf(dirs: readonly string[], key: string): Effects {
  const { runs } = readRuns(dirs);
  const unfinished = runs.filter((run) => run.unfinished.length > 0 || run.faulty.length > 0);
  const { pairs, single } = switched(
    runs.filter((run) => !unfinished.includes(run)),
    key,
  );
  if (pairs.length === 0) {
    throw new UserError(
      `no two finished runs differ in ${key} alone; give the folders of some that do, such as the cells of a sweep of it`,
    );
  }
  const values = [pairs[0]!.one, pairs[0]!.other].map(({ experiment }) => settingOf(experiment, key));
  const effects = MEASURES.flatMap((measure) => effectsOn(measure, pairs));
  const notes = [
    `${key}: ${values[0]} against ${values[1]}. ${HOW}`,
    ...(unfinished.length > 0
      ? [`Left out, not every seed is finished: ${unfinished.map(({ dir }) => dir).join(', ')}.`]
      : []),
    ...(single.length > 0
      ? [`Left out, alone with its other settings: ${single.map(({ dir }) => dir).join(', ')}.`]
      : []),
  ];
  const tables = MEASURES.flatMap(({ column, name, factor }) => {
    const rows = effects.filter(({ measure }) => measure === column);
    return rows.length > 0 ? [effectTable(name, factor, rows, values)] : [];
  });
  const sections: Section[] = [{ tables, notes }];
  return {
    effects,
    notes,
    text: renderText(sections),
    files: { 'effects.csv': effectsCsv(effects), 'effects.md': renderMarkdown(sections) },
  };
}

const HOW =
  'Effect: the factor by which the geometric mean of an error is larger with the first value, or the difference of mean ' +
  "rewards; 95 % interval by bootstrap. p: Welch's test, of errors by their logarithms, corrected (Holm) for the pairs of " +
  'the table. Shows: the least effect that so many seeds of this spread show with a power of 0.8 at 0.05, each by itself. ' +
  `Seen: only where the interval excludes no effect and p < 0.05; under ${FEWEST_SEEDS} seeds nothing is claimed.`;

/** The value of the key as text; of an absent one a dash. */
const settingOf = (experiment: Run['experiment'], key: string) =>
  shown(valueAt(experiment, key.split('.')) ?? UNKNOWN);

function switched(runs: readonly Run[], key: string): { pairs: Switched[]; single: Run[] } {
  const groups: Run[][] = [];
  for (const run of runs) {
    const alike = groups.find(([first]) => sameBut(first!, run, key));
    if (alike) alike.push(run);
    else groups.push([run]);
  }
  const pairs = groups.flatMap((group) => {
    if (group.length < 2) return [];
    const values = group.map(({ experiment }) => settingOf(experiment, key));
    if (group.length > 2 || values[0] === values[1]) {
      throw new UserError(
        `${group.map(({ dir }) => dir).join(', ')} have the values ${values.join(', ')} of ${key}; an effect is of two, give two runs`,
      );
    }
    const [one, other] = [...group].sort(
      (a, b) =>
        Number(settingOf(b.experiment, key) === 'true') - Number(settingOf(a.experiment, key) === 'true'),
    );
    return [{ label: labelOf(one!), one: one!, other: other! }];
  });
  return { pairs, single: groups.filter(({ length }) => length < 2).flat() };
}

const sameBut = (a: Run, b: Run, key: string) =>
  a.experiment.method === b.experiment.method &&
  differingKeys(a.experiment, b.experiment).every((each) => ['name', 'engine', key].includes(each));

const labelOf = (run: Run) => `${armTitle(run.info.arm)}, ${CONDITIONS[0]!.of(run.experiment)}`;

function effectsOn({ column, factor }: (typeof MEASURES)[number], pairs: readonly Switched[]): Effect[] {
  const told = pairs.flatMap(({ label, one, other }) => {
    const [a, b] = [one, other].map(({ seeds }) =>
      seeds
        .map(({ rows }) => rows.at(-1)?.[column] ?? null)
        .filter((value): value is number => value !== null && (!factor || value > 0)),
    );
    return a!.length > 0 && b!.length > 0 ? [{ label, a: a!, b: b! }] : [];
  });
  const scale = (values: readonly number[]) => (factor ? values.map(Math.log) : values);
  const tests = told.map(({ a, b }) => welch(scale(a), scale(b)));
  const differences = told.map(({ a, b }) => mean(scale(a))! - mean(scale(b))!);
  const corrected = holm(tests.map((test, index) => test?.p ?? (differences[index] === 0 ? 1 : 0)));
  return told.map(({ label, a, b }, index) => {
    const back = (value: number) => (factor ? Math.exp(value) : value);
    const bounds = bootstrapComparison(scale(a), scale(b), (x, y) => x - y, resamples);
    const test = tests[index]!;
    const adjustedP = test === null ? null : corrected[index]!;
    return {
      ...{ measure: column, label, seeds: [a.length, b.length] as [number, number] },
      means: [mean(a)!, mean(b)!] as [number, number],
      effect: back(differences[index]!),
      interval: bounds && { low: back(bounds.low), high: back(bounds.high) },
      ...{ welch: test, adjustedP },
      shows: power(scale(a), scale(b), back),
      seen: claim(differences[index]!, bounds, adjustedP, Math.min(a.length, b.length)),
    };
  });
}

function power(a: readonly number[], b: readonly number[], back: (value: number) => number): number | null {
  const [x, y] = [standardDeviation(a), standardDeviation(b)];
  if (x === null || y === null) return null;
  const spread = Math.sqrt((x ** 2 + y ** 2) / 2);
  return back(effectForPower(Math.min(a.length, b.length), POWER, LEVEL) * spread);
}

function claim(difference: number, bounds: Interval | null, p: number | null, seeds: number): Effect['seen'] {
  if (seeds < FEWEST_SEEDS || bounds === null) return 'too few';
  if ((bounds.low <= 0 && bounds.high >= 0) || (p !== null && p >= LEVEL)) return 'none';
  return difference > 0 ? 'larger' : 'smaller';
}

function effectTable(
  name: string,
  factor: boolean,
  rows: readonly Effect[],
  values: readonly string[],
): Table {
  const unit = factor ? 'pure' : 'reward';
  return {
    head: [name, ...values, factor ? 'Factor' : 'Difference', '95 % interval', 'p (Holm)', 'Shows', 'Seen'],
    numeric: [false, true, true, true, true, true, true, false],
    rows: rows.map(({ label, means, effect, interval, adjustedP, shows, seen }) => [
      label,
      ...means.map((value) => formatNumber(factor ? 'error' : 'reward', value)),
      ...[formatNumber(unit, effect), formatInterval(unit, interval), formatProbability(adjustedP)],
      ...[formatNumber(unit, shows), seen],
    ]),
  };
}

function effectsCsv(effects: readonly Effect[]): string {
  const rows = effects.map(
    ({ measure, label, seeds, means, effect, interval, welch, adjustedP, shows, seen }): CsvRow => ({
      ...{
        measure,
        pair: label,
        seeds: seeds[0],
        against_seeds: seeds[1],
        mean: means[0],
        against_mean: means[1],
      },
      ...{ effect, effect_low: interval?.low ?? null, effect_high: interval?.high ?? null },
      ...{ welch_t: welch?.t ?? null, welch_p: welch?.p ?? null, welch_p_holm: adjustedP, shows, seen },
    }),
  );
  return formatCsv(Object.keys(rows[0]!), rows);
}
