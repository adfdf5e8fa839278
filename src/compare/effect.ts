import { bootstrapComparison } from '../bootstrap.ts';
import { UserError } from '../errors.ts';
import { type CsvRow, formatRows } from '../runs/csv.ts';
import { type Run, readRuns } from '../runs/read.ts';
import { type Interval, mean, standardDeviation } from '../statistics.ts';
import { effectForPower, type WelchTest, welch } from '../student.ts';
import { enumeration } from '../words.ts';
import { correctedPs, FEWEST_SEEDS, LEVEL, seenSign } from './claims.ts';
import { folderNotes } from './notes.ts';
import { formatInterval, formatNumber, formatProbability } from './numbers.ts';
import { renderMarkdown, renderText } from './render.ts';
import { resamples } from './samples.ts';
import type { Section, Table } from './sections.ts';
import { requireKey, type Switched, switchedRuns } from './switched-runs.ts';
import { wholeRuns } from './whole-runs.ts';

/**
 * What of the last row of metrics.csv an effect is told of; errors by their logarithms, so that an effect is a factor.
 * The measures of one question are one family of tests: a model that decodes nothing is measured in latents.
 */
export const MEASURES = [
  { column: 'prediction_mse', question: 'one step', name: 'One step ahead', factor: true },
  { column: 'consistency_1', question: 'one step', name: 'One step ahead, latents', factor: true },
  { column: 'open_loop_mse_15', question: 'open loop', name: 'Open loop, 15 steps', factor: true },
  { column: 'consistency_15', question: 'open loop', name: 'Open loop, 15 steps, latents', factor: true },
  { column: 'reward_mse', question: 'reward error', name: 'Reward error', factor: true },
  { column: 'reward_mean', question: 'reward', name: 'Final reward', factor: false },
] as const;

const POWER = 0.8;

/** What a key does to one number in one pair of runs. */
export interface Effect extends Omit<Switched, 'one' | 'other'> {
  measure: string;
  /** Seeds that have the number, with the first value of the key and with the second. */
  seeds: [number, number];
  means: [number, number];
  /** The factor by which the geometric mean is larger with the first value, or the difference of means. */
  effect: number;
  interval: Interval | null;
  /** Of logarithms, where the effect is a factor. */
  welch: WelchTest | null;
  /** Holm's, over all tests of the measure's question; null without a test, or where nothing can be claimed. */
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
 * @throws UserError where there is no such key or no such pair, or pairs are of other values
 */
export function effectsOf(dirs: readonly string[], key: string): Effects {
  const { runs, ...without } = readRuns(dirs);
  requireKey(runs, key);
  const { whole, notes: leftOut } = wholeRuns(runs, 'an effect');
  const { pairs, values, common, single } = switchedRuns(whole, key);
  if (pairs.length === 0) {
    throw new UserError(
      `no two finished runs differ in ${key} alone; give the folders of some that do, such as the cells of a sweep of it`,
    );
  }
  const told = MEASURES.map((measure) => samplesOn(measure, pairs));
  const partial = told.flat().filter(({ unusable }) => unusable > 0);
  const effects = effectsOn(told);
  const notes = [
    `${key}${common && ` of ${common}`}: ${valueWords(values)}. ${HOW}`,
    ...folderNotes(without),
    ...leftOut,
    ...(single.length > 0
      ? [`Left out, alone with its other settings: ${single.map(({ dir }) => dir).join(', ')}.`]
      : []),
    ...partial.map(
      ({ measure, label, unusable }) =>
        `Left out of ${measure.column}, not finite${measure.factor ? ', or not above 0 and without a logarithm' : ''}: ${unusable} of ${label}.`,
    ),
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
  "rewards; 95 % interval by bootstrap. p: Welch's test, of errors by their logarithms, corrected (Holm) for all pairs " +
  'of the question: both tables of one step ahead, both of open loop, each other table. Shows: the least effect that so ' +
  'many seeds of this spread show with a power of 0.8 at 0.05, each by itself. ' +
  `Seen: only where the interval excludes no effect and p < 0.05; under ${FEWEST_SEEDS} seeds nothing is claimed.`;

/** `true against false`; of several values `1, 2 and 3, each against those after it`. */
const valueWords = (values: readonly string[]): string =>
  values.length > 2 ? `${enumeration(values)}, each against those after it` : values.join(' against ');

/** The numbers of one measure in one pair, by seed. */
interface Samples extends Omit<Switched, 'one' | 'other'> {
  measure: (typeof MEASURES)[number];
  a: number[];
  b: number[];
  /** Seeds whose number is not finite, or an error that is not above 0 and has no logarithm: left out. */
  unusable: number;
}

/** All effects by measure; the tests of a question are corrected together. */
function effectsOn(told: readonly Samples[][]): Effect[] {
  const questions = [...new Set(MEASURES.map(({ question }) => question))];
  return questions.flatMap((question) =>
    effectsOfFamily(
      told
        .flat()
        .filter(({ measure, a, b }) => measure.question === question && a.length > 0 && b.length > 0),
    ),
  );
}

function samplesOn(measure: Samples['measure'], pairs: readonly Switched[]): Samples[] {
  return pairs.map(({ one, other, ...pair }) => {
    const all = [one, other].map((run) => lastOf(run, measure.column));
    const isUsable = (x: number) => Number.isFinite(x) && (!measure.factor || x > 0);
    const [a, b] = all.map((numbers) => numbers.filter(isUsable));
    const unusable = all.flat().length - a!.length - b!.length;
    return { ...pair, measure, a: a!, b: b!, unusable };
  });
}

const lastOf = ({ seeds }: Run, column: string) =>
  seeds.map(({ rows }) => rows.at(-1)?.[column] ?? null).filter((value): value is number => value !== null);

function effectsOfFamily(family: readonly Samples[]): Effect[] {
  const tests = family.map((samples) => {
    const { measure, a, b } = samples;
    const [x, y] = measure.factor ? [a.map(Math.log), b.map(Math.log)] : [a, b];
    const bounds = bootstrapComparison(x, y, (one, other) => one - other, resamples);
    return {
      ...{ samples, x, y, bounds, difference: mean(x)! - mean(y)!, welch: welch(x, y) },
      claimable: Math.min(a.length, b.length) >= FEWEST_SEEDS && bounds !== null,
    };
  });
  const ps = correctedPs(tests);
  return tests.map(({ samples, x, y, bounds, difference, welch, claimable }, index) => {
    const { measure, label, short, values, a, b } = samples;
    const back = (value: number) => (measure.factor ? Math.exp(value) : value);
    const adjustedP = ps[index]!;
    return {
      ...{ measure: measure.column, label, short, values },
      seeds: [a.length, b.length] as [number, number],
      means: [mean(a)!, mean(b)!] as [number, number],
      effect: back(difference),
      interval: bounds && { low: back(bounds.low), high: back(bounds.high) },
      ...{ welch, adjustedP },
      shows: power(x, y, back),
      seen: claimable ? WORDS[1 + seenSign(difference, bounds!, adjustedP)]! : 'too few',
    };
  });
}

/** By the sign of what is seen, from -1 on. */
const WORDS = ['smaller', 'none', 'larger'] as const;

function power(a: readonly number[], b: readonly number[], back: (value: number) => number): number | null {
  const [x, y] = [standardDeviation(a), standardDeviation(b)];
  if (x === null || y === null) return null;
  const spread = Math.sqrt((x ** 2 + y ** 2) / 2);
  const seeds = Math.min(a.length, b.length);
  const perSpread = shownBy.get(seeds) ?? effectForPower(seeds, POWER, LEVEL);
  shownBy.set(seeds, perSpread);
  return back(perSpread * spread);
}

/** The least effect in spreads, by the number of seeds: found by trying, and the same for most effects. */
const shownBy = new Map<number, number>();

function effectTable(
  name: string,
  factor: boolean,
  rows: readonly Effect[],
  values: readonly string[],
): Table {
  const unit = factor ? 'factor' : 'reward';
  return {
    head: [
      name,
      ...(values.length > 2 ? ['First', 'Second'] : values),
      factor ? 'Factor' : 'Difference',
      '95 % interval',
      'p (Holm)',
      'Shows',
      'Seen',
    ],
    numeric: [false, true, true, true, true, true, true, false],
    rows: rows.map(({ short, means, effect, interval, adjustedP, shows, seen }) => [
      short,
      ...means.map((value) => formatNumber(factor ? 'error' : 'reward', value)),
      ...[formatNumber(unit, effect), formatInterval(unit, interval), formatProbability(adjustedP)],
      ...[formatNumber(unit, shows), seen],
    ]),
  };
}

function effectsCsv(effects: readonly Effect[]): string {
  const rows = effects.map(
    ({ measure, label, values, seeds, means, effect, interval, welch, adjustedP, shows, seen }): CsvRow => ({
      ...{
        measure,
        pair: label,
        value: values[0],
        against_value: values[1],
        seeds: seeds[0],
        against_seeds: seeds[1],
        mean: means[0],
        against_mean: means[1],
      },
      ...{ effect, effect_low: interval?.low ?? null, effect_high: interval?.high ?? null },
      ...{ welch_t: welch?.t ?? null, welch_p: welch?.p ?? null, welch_p_holm: adjustedP, shows, seen },
    }),
  );
  return formatRows(rows);
}
