import { iqmOf, stratifiedIntervals } from '../../aggregate.ts';
import { type CsvRow, formatCsv } from '../../runs/csv.ts';
import { readRuns } from '../../runs/read.ts';
import { interquartileMean, mean } from '../../statistics.ts';
import { grouped } from '../../words.ts';
import { formatInterval, formatMean, formatNumber, formatProbability, UNKNOWN } from '../numbers.ts';
import { renderMarkdown, renderText } from '../render.ts';
import { resamples } from '../samples.ts';
import type { Section, Table } from '../sections.ts';
import { costOf, type RunCost } from './costs.ts';
import { type Entry, type Field, fieldOf, type Task } from './entries.ts';
import { absent, type Bounded, type Duel, duels, type Standing, standings, THRESHOLDS } from './standings.ts';

/** Methods side by side over tasks, as data and in every format. */
export interface Leaderboard {
  field: Field;
  standings: Standing[];
  duels: Duel[];
  notes: string[];
  text: string;
  /** Contents by file name. */
  files: Record<string, string>;
  /** For JSON: all numbers, without the runs they come from. */
  data: unknown;
}

/** Of every run. */
type Costs = Map<Entry['run'], RunCost>;

/**
 * The leaderboard of finished runs by their folders alone; nothing is written.
 *
 * @throws UserError as `fieldOf` and `readRuns` do
 */
export async function leaderboard(dirs: readonly string[]): Promise<Leaderboard> {
  const field = fieldOf(readRuns(dirs));
  const costs: Costs = new Map();
  for (const { run } of field.tasks.flatMap(({ entries }) => entries)) costs.set(run, await costOf(run));
  const standing = standings(field);
  const fought = duels(standing, field.seeds);
  const notes = [
    ...boundNotes(field),
    ...absentNotes(field),
    ...uncountedNotes(field, costs),
    ...field.notes,
  ];
  const rankings = field.tasks.map((task) => ({ task, ranking: ranked(task) }));
  const taskTables = rankings.map(({ task, ranking }) => taskTable(task, ranking, costs));
  const byTask = rankings.flatMap(({ task, ranking }) => taskRows(task, ranking, costs));
  const sections: Section[] = [
    { tables: standing.length > 0 ? [standingTable(standing)] : [], notes: [HOW, ...notes] },
    { tables: taskTables, notes: [BY_TASK] },
    ...(fought.length > 0
      ? [{ tables: [duelTable(fought, standing[0]!)], notes: [DUELS(fought.length)] }]
      : []),
  ];
  return {
    field,
    standings: standing,
    duels: fought,
    notes,
    text: renderText(sections),
    files: {
      'leaderboard.csv': csv(standing.map(standingRow)),
      'leaderboard-tasks.csv': csv(byTask),
      ...(fought.length > 0 ? { 'leaderboard-pairs.csv': csv(fought.map(duelRow)) } : {}),
      'leaderboard-profiles.csv': csv(standing.flatMap(profileRows)),
      'leaderboard.md': renderMarkdown(sections),
    },
    data: {
      standings: standing.map(standingRow),
      tasks: byTask,
      pairs: fought.map(duelRow),
      profiles: standing.flatMap(profileRows),
      notes,
    },
  };
}

const HOW =
  'Scores: final reward, 0 what random actions get and 1 what counts as solved. IQM: mean of all runs without the ' +
  'floor(n / 4) least and greatest; gap: 1 - mean(min(score, 1)); 95 % intervals by stratified bootstrap, seeds resampled within each task (Agarwal ' +
  'et al. 2021). Of one task they are over its seeds alone. Intervals that overlap are no test: see the pairs.';

const BY_TASK =
  'Final reward: mean ± standard deviation over seeds. Score: interquartile mean over seeds, with its interval. ' +
  'Steps: until the reward stays at what counts as solved, over the seeds that got there. Seconds of a seed: wall ' +
  'time of a worker process divided by the seeds that it trains side by side, on whatever machine and load there was. ' +
  'Params: trained numbers of all networks. FLOP: of the matrix products of updates and of acting, per environment ' +
  'step of the training; ≤ where what may end early is counted to its end.';

const DUELS = (pairs: number) =>
  'P(better): how probable it is that a run is better than one of the other method on the same task, averaged over tasks. ' +
  `p: Welch's test of mean scores over tasks, corrected (Holm) for all ${pairs} pairs, of which those of the first in the ` +
  'table are shown and all are in leaderboard-pairs.csv. Seen: better only where the interval excludes 0.5, p < 0.05 and the ' +
  'difference has the same sign.';

function boundNotes({ tasks }: Field): string[] {
  return tasks.map(
    ({ name, steps, bounds: { low, high, source } }) =>
      `${name}, ${grouped(steps)} environment steps: score 0 at ${low}, 1 at ${high} (${source}).`,
  );
}

function absentNotes(field: Field): string[] {
  return absent(field).map(
    ({ method, lacks }) =>
      `Left out of what is over all tasks: ${method}, without a finished run of ${lacks.join(', ')}.`,
  );
}

function uncountedNotes({ tasks }: Field, costs: Costs): string[] {
  const uncounted = tasks
    .flatMap(({ entries }) => entries)
    .filter(({ run }) => costs.get(run)!.flopPerStep === null)
    .map(({ method }) => method);
  if (uncounted.length === 0) return [];
  return [`The FLOP of training cannot be told from the config: ${[...new Set(uncounted)].join(', ')}.`];
}

const bounded = ({ value, interval }: Bounded) => [
  formatNumber('pure', value),
  formatInterval('pure', interval),
];

function table(head: string[], names: number, rows: string[][]): Table {
  return { head, numeric: head.map((_, index) => index >= names), rows };
}

const standingTable = (standing: readonly Standing[]): Table =>
  table(
    ['Method', 'IQM', '95 % interval', 'Median', 'Mean', 'Gap', '95 % interval'],
    1,
    standing.map(({ method, iqm, median, mean, optimalityGap }) => [
      ...[method, ...bounded(iqm), formatNumber('pure', median.value), formatNumber('pure', mean.value)],
      ...bounded(optimalityGap),
    ]),
  );

/** `8.8e5`, `≤ 8.8e5`; `–` where it cannot be told. */
const formatFlops = ({ flopPerStep, isBound }: RunCost): string =>
  `${isBound && flopPerStep !== null ? '≤ ' : ''}${formatNumber('error', flopPerStep)}`;

/** A method on a task with its interquartile mean over seeds. */
type Ranked = Entry & { score: Bounded };

/** Those of a task, the greatest score first. */
const ranked = ({ entries }: Task): Ranked[] =>
  entries
    .map((entry) => {
      const intervals = stratifiedIntervals([[entry.scores]], (of) => [iqmOf(of)], resamples);
      return {
        ...entry,
        score: { value: interquartileMean(entry.scores)!, interval: intervals?.[0] ?? null },
      };
    })
    .sort((a, b) => b.score.value - a.score.value);

function taskTable(task: Task, ranking: readonly Ranked[], costs: Costs): Table {
  const rows = ranking.map(({ method, run, row, scores, score }) => [
    ...[method, formatMean('reward', row.finalReward), ...bounded(score)],
    row.stepsToThreshold.mean === null
      ? 'never'
      : `${formatNumber('steps', row.stepsToThreshold.mean)} (${row.stepsToThreshold.reached} of ${scores.length})`,
    formatNumber('steps', row.secondsPerSeed),
    formatNumber('steps', costs.get(run)!.parameters),
    formatFlops(costs.get(run)!),
  ]);
  const head = [
    ...['Final reward', 'Score', '95 % interval', `Steps to ${task.bounds.high}`],
    // Short, so that the names of methods stay whole.
    ...['Seconds', 'Params', 'FLOP'],
  ];
  return table([task.name, ...head], 1, rows);
}

function duelTable(fought: readonly Duel[], { method: first }: Standing): Table {
  const shown = fought.filter(({ method }) => method === first);
  const wanted = table(
    ['Method', 'Against', 'P(better)', '95 % interval', 'Difference', 'p (Holm)', 'Seen'],
    2,
    shown.map(({ method, against, improvement, difference, adjustedP, seen }) => [
      ...[method, against, ...bounded(improvement), formatNumber('pure', difference)],
      ...[adjustedP === null ? UNKNOWN : formatProbability(adjustedP), seen],
    ]),
  );
  return { ...wanted, numeric: wanted.numeric.map((is, index) => is && index < 6) };
}

const ends = (name: string, { value, interval }: Bounded): CsvRow => ({
  [name]: value,
  [`${name}_low`]: interval?.low ?? null,
  [`${name}_high`]: interval?.high ?? null,
});

const standingRow = ({ method, scores, iqm, median, mean, optimalityGap }: Standing): CsvRow => ({
  ...{ method, tasks: scores.length, seeds: scores[0]!.length },
  ...{ ...ends('iqm', iqm), ...ends('median', median), ...ends('mean', mean) },
  ...ends('optimality_gap', optimalityGap),
});

const taskRows = (task: Task, ranking: readonly Ranked[], costs: Costs): CsvRow[] =>
  ranking.map(({ method, run, row, scores, score }) => ({
    ...{ task: task.name, steps: task.steps, method, run: run.name, seeds: scores.length },
    ...{ final_reward_mean: row.finalReward.mean, final_reward_std: row.finalReward.std },
    ...{ ...ends('score_iqm', score), score_mean: mean(scores) },
    ...{ score_low_bound: task.bounds.low, score_high_bound: task.bounds.high },
    steps_to_threshold: row.stepsToThreshold.mean,
    steps_to_threshold_reached: row.stepsToThreshold.reached,
    ...{ seconds_per_seed: row.secondsPerSeed, engine: row.engine },
    ...costRow(costs.get(run)!),
  }));

const costRow = ({ parameters, flopPerStep, isBound }: RunCost): CsvRow => ({
  parameters,
  flop_per_step: isBound ? null : flopPerStep,
  flop_per_step_at_most: isBound ? flopPerStep : null,
});

const duelRow = ({ method, against, difference, improvement, welch, adjustedP, seen }: Duel): CsvRow => ({
  ...{ method, against, difference, ...ends('probability_of_improvement', improvement) },
  ...{ welch_t: welch?.t ?? null, welch_degrees_of_freedom: welch?.degreesOfFreedom ?? null },
  ...{ welch_p: welch?.p ?? null, welch_p_holm: adjustedP, seen },
});

const profileRows = ({ method, profile }: Standing): CsvRow[] =>
  profile.map((share, index) => ({ method, score: THRESHOLDS[index]!, ...ends('share', share) }));

const csv = (rows: readonly CsvRow[]) => formatCsv(Object.keys(rows[0] ?? { method: null }), rows);
