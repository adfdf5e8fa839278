import path from 'node:path';
import { bootstrapComparison } from '../bootstrap.ts';
import { differingKeys, settingKeys } from '../config/format.ts';
import { valueAt } from '../config/key-path.ts';
import { meantKey, shown } from '../config/problems.ts';
import { UserError } from '../errors.ts';
import { type CsvRow, formatCsv } from '../runs/csv.ts';
import { type Run, readRuns } from '../runs/read.ts';
import { type Interval, mean, standardDeviation } from '../statistics.ts';
import { effectForPower, type WelchTest, welch } from '../student.ts';
import { alternatives, enumeration } from '../words.ts';
import { correctedPs, FEWEST_SEEDS, LEVEL, seenSign } from './claims.ts';
import { TASK } from './conditions.ts';
import { folderNotes } from './notes.ts';
import { formatInterval, formatNumber, formatProbability, UNKNOWN } from './numbers.ts';
import { renderMarkdown, renderText } from './render.ts';
import { armTitle, resamples } from './samples.ts';
import type { Section, Table } from './sections.ts';
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

/** Two runs that differ in one key. */
interface Switched {
  /** Arm and task; the values of the key, where it has more than two. */
  label: string;
  /** The same without what all pairs have in common. */
  short: string;
  one: Run;
  other: Run;
  /** Of the key, as text: of the one and of the other. */
  values: [string, string];
}

/** What a key does to one number in one pair of runs. */
export interface Effect {
  measure: string;
  /** The pair: arm and task; the values of the key, where it has more than two. */
  label: string;
  /** The same without what all pairs have in common. */
  short: string;
  /** Of the key, as text. */
  values: [string, string];
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
  const { pairs, values, single } = switched(whole, key);
  if (pairs.length === 0) {
    throw new UserError(
      `no two finished runs differ in ${key} alone; give the folders of some that do, such as the cells of a sweep of it`,
    );
  }
  const told = MEASURES.map((measure) => samplesOn(measure, pairs));
  const unlogged = told.flat().filter(({ withoutLogarithm }) => withoutLogarithm > 0);
  const effects = effectsOn(told);
  const notes = [
    `${key}${common(pairs)}: ${valueWords(values)}. ${HOW}`,
    ...folderNotes(without),
    ...leftOut,
    ...(single.length > 0
      ? [`Left out, alone with its other settings: ${single.map(({ dir }) => dir).join(', ')}.`]
      : []),
    ...unlogged.map(
      ({ measure, label, withoutLogarithm }) =>
        `Left out of ${measure.column}, not above 0 and without a logarithm: ${withoutLogarithm} of ${label}.`,
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
  'of the question: both tables of one step ahead, both of open loop, each other table. Shows: the least effect that so many seeds of this spread show with a power of 0.8 at 0.05, each by itself. ' +
  `Seen: only where the interval excludes no effect and p < 0.05; under ${FEWEST_SEEDS} seeds nothing is claimed.`;

/** Refuses a key that no run has, or that holds others. */
function requireKey(runs: readonly Run[], key: string): void {
  const names = [...new Set(runs.flatMap(({ experiment }) => settingKeys(experiment)))];
  if (runs.length === 0 || names.includes(key)) return;
  const within = names.filter((name) => name.startsWith(`${key}.`));
  const near = meantKey(key, names);
  const help =
    within.length > 0
      ? `it holds other keys; give one of them, ${alternatives(within)}`
      : near === undefined
        ? 'none of the runs has such a key; those of a run stand in its config.yaml'
        : `none of the runs has such a key; did you mean ${near}?`;
  throw new UserError(`--effect ${key}: ${help}`);
}

/** The value of the key as text, as it stands in YAML; of an absent one a dash. */
function settingOf({ experiment }: Run, key: string): string {
  const value = valueAt(experiment, key.split('.')) ?? UNKNOWN;
  return typeof value === 'string' ? value : shown(value);
}

/** Every two runs that differ in the key alone, the values of the key, and the runs that are alone with their settings. */
function switched(runs: readonly Run[], key: string): { pairs: Switched[]; values: string[]; single: Run[] } {
  const alike: Run[][] = [];
  for (const run of runs) {
    const fits = (other: Run) => sameBut(other, run, key);
    const [group, another] = alike.filter((others) => others.some(fits));
    if (another) refuseUnlike(group!.find(fits)!, another.find(fits)!, run, key);
    const stranger = group?.find((other) => !fits(other));
    if (stranger) refuseUnlike(run, stranger, group!.find(fits)!, key);
    if (group) group.push(run);
    else alike.push([run]);
  }
  const several = alike.filter(({ length }) => length > 1);
  // In every group the same value stands first, whatever the order of the folders within it.
  const places = ['true', ...several.flat().map((run) => settingOf(run, key))];
  const place = (run: Run) => places.indexOf(settingOf(run, key));
  const groups = byArm(several.map((group) => [...group].sort((a, b) => place(a) - place(b))));
  for (const group of groups) refuseTwins(group, key);
  const values = valuesOf(groups, key);
  const labels = labelsOf(groups);
  const pairs = groups.flatMap((group, index) => pairsOf(group, labels[index]!, groups.length > 1, key));
  return { pairs, values, single: alike.filter(({ length }) => length < 2).flat() };
}

/**
 * Refuses two runs that each differ from a third one in the key alone, and from each other in more: keys beside it, which
 * are forgiven where one of two runs has not got them.
 */
function refuseUnlike(one: Run, other: Run, third: Run, key: string): never {
  throw new UserError(
    `${one.dir} and ${other.dir} differ in ${enumeration(meantDifferences(one, other, key))}, and each from ${third.dir} in ${key} alone; give them apart`,
  );
}

/** The groups of one arm together, so that its tasks stand below each other. */
function byArm(groups: readonly Run[][]): Run[][] {
  const arms = groups.map(([first]) => armTitle(first!.info.arm));
  const place = ([first]: Run[]) => arms.indexOf(armTitle(first!.info.arm));
  return [...groups].sort((a, b) => place(a) - place(b));
}

/** Arm and task of each group; of those that are called alike, with the folder's name of the first run. */
function labelsOf(groups: readonly Run[][]): string[] {
  const labels = groups.map(([first]) => `${armTitle(first!.info.arm)}, ${TASK.of(first!.experiment)}`);
  return labels.map((label, index) =>
    labels.indexOf(label) === labels.lastIndexOf(label)
      ? label
      : `${label} (${path.basename(groups[index]![0]!.dir)})`,
  );
}

/** Every two runs of a group, those of more than two by their values, too. */
function pairsOf(group: readonly Run[], label: string, amongOthers: boolean, key: string): Switched[] {
  return group.flatMap((one, index) =>
    group.slice(index + 1).map((other): Switched => {
      const values: Switched['values'] = [settingOf(one, key), settingOf(other, key)];
      const own = values.join(' against ');
      const whole = group.length > 2 ? `${label}, ${own}` : label;
      return { label: whole, short: group.length > 2 && !amongOthers ? own : whole, one, other, values };
    }),
  );
}

/** Refuses runs that do not differ in the key either. */
function refuseTwins(group: readonly Run[], key: string): void {
  const values = group.map((run) => settingOf(run, key));
  const twice = values.find((value, index) => values.indexOf(value) < index);
  if (twice === undefined) return;
  const twins = group.filter((_, index) => values[index] === twice).map(({ dir }) => dir);
  throw new UserError(
    `${enumeration(twins)} have the value ${twice} of ${key} and differ in nothing else; give one of them`,
  );
}

/** The values of the key, the same in every group; none without a group. */
function valuesOf(groups: readonly Run[][], key: string): string[] {
  const [first, ...rest] = groups.map((group) => ({
    dirs: enumeration(group.map(({ dir }) => dir)),
    values: group.map((run) => settingOf(run, key)),
  }));
  const unlike = rest.find(({ values }) => values.join() !== first!.values.join());
  if (unlike) {
    throw new UserError(
      `${first!.dirs} have the values ${first!.values.join(', ')} of ${key}, and ${unlike.dirs} ${unlike.values.join(', ')}; an effect is of the same values everywhere, give others apart`,
    );
  }
  return first?.values ?? [];
}

/** ` of Dream critic, CartPole-v1`, where rows do not say it. */
function common([first]: readonly Switched[]): string {
  const { label, short } = first!;
  return label === short ? '' : ` of ${label.slice(0, -`, ${short}`.length)}`;
}

/** `true against false`; of several values `1, 2 and 3, each against those after it`. */
const valueWords = (values: readonly string[]): string =>
  values.length > 2 ? `${enumeration(values)}, each against those after it` : values.join(' against ');

/** Keys that change nothing of what is learnt. */
const WITHOUT_EFFECT = ['name', 'engine', 'film', 'logEvery', 'evaluation.online', 'gradients.every'];

/** Whether two runs differ in the key alone. */
const sameBut = (a: Run, b: Run, key: string): boolean =>
  a.experiment.method === b.experiment.method && meantDifferences(a, b, key).length === 0;

/** What two runs differ in but for the key and keys beside it that one of them has not: such belong to its value. */
function meantDifferences({ experiment: a }: Run, { experiment: b }: Run, key: string): string[] {
  const beside = key.slice(0, key.lastIndexOf('.') + 1);
  const without = (name: string) => [a, b].some((each) => valueAt(each, name.split('.')) === undefined);
  return differingKeys(a, b).filter((name) => {
    const belongs = beside !== '' && name.startsWith(beside) && without(name);
    return !belongs && name !== key && !WITHOUT_EFFECT.includes(name);
  });
}

/** The numbers of one measure in one pair, by seed. */
interface Samples extends Pick<Switched, 'label' | 'short' | 'values'> {
  measure: (typeof MEASURES)[number];
  a: number[];
  b: number[];
  /** Seeds whose error is not above 0 and has no logarithm: left out. */
  withoutLogarithm: number;
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
  return pairs.map(({ label, short, one, other, values }) => {
    const all = [one, other].map((run) => lastOf(run, measure.column));
    const [a, b] = all.map((numbers) => numbers.filter((x) => !measure.factor || x > 0));
    const withoutLogarithm = all.flat().length - a!.length - b!.length;
    return { measure, label, short, values, a: a!, b: b!, withoutLogarithm };
  });
}

const lastOf = ({ seeds }: Run, column: string) =>
  seeds.map(({ rows }) => rows.at(-1)?.[column] ?? null).filter((value): value is number => value !== null);

function effectsOfFamily(family: readonly Samples[]): Effect[] {
  const tests = family.map(({ measure: { column, factor }, label, short, values, a, b }) => {
    const [x, y] = factor ? [a.map(Math.log), b.map(Math.log)] : [a, b];
    const bounds = bootstrapComparison(x, y, (one, other) => one - other, resamples);
    return {
      ...{ column, factor, label, short, values, a, b, x, y, bounds },
      ...{ difference: mean(x)! - mean(y)!, welch: welch(x, y) },
      claimable: Math.min(a.length, b.length) >= FEWEST_SEEDS && bounds !== null,
    };
  });
  const ps = correctedPs(tests);
  return tests.map((each, index) => {
    const { column, factor, label, short, values, a, b, x, y, bounds, difference, welch, claimable } = each;
    const back = (value: number) => (factor ? Math.exp(value) : value);
    const adjustedP = ps[index]!;
    return {
      ...{ measure: column, label, short, values, seeds: [a.length, b.length] as [number, number] },
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
  return back(effectForPower(Math.min(a.length, b.length), POWER, LEVEL) * spread);
}

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
  return formatCsv(Object.keys(rows[0]!), rows);
}
