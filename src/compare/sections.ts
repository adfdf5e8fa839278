import { FEWEST_SEEDS } from './claims.ts';
import {
  type Column,
  furtherColumns,
  mainColumns,
  pairColumns,
  seedColumns,
  statisticsColumns,
  verdictColumns,
} from './columns.ts';
import type { PairRow } from './pairs.ts';
import type { Measure, Sample } from './samples.ts';
import type { TableRow } from './table.ts';
import type { ShownThreshold } from './threshold.ts';
import type { Verdict } from './verdicts.ts';

/** A table as it is read: rounded text, not yet escaped for any format. */
export interface Table {
  head: string[];
  numeric: boolean[];
  rows: string[][];
}

/** Tables and the sentences that belong under them. */
export interface Section {
  tables: Table[];
  notes: string[];
}

const table1Note = ({ reward, source }: ShownThreshold) =>
  'Mean ± standard deviation (n - 1) over seeds. Prediction error: one step ahead, on the held-out set, raw units. ' +
  `Steps to ${reward}: environment steps until the reward stays at or above ${reward}${source}; first crossing: until it first is there; ` +
  'both over the seeds that got there. Seconds per seed: wall time of a worker process divided by the seeds that it ' +
  'trains side by side (per worker).';

const STATISTICS =
  '95 % interval: of the mean, or of the difference of two means, by percentile bootstrap; of few seeds it is too narrow ' +
  '(of 5 it holds the mean about 84 times in 100, of 10 about 90). Interquartile mean: without the least and the ' +
  'greatest quarter of the seeds.';

const ONE_PAIR =
  "t, p: Welch's test, two-sided, – where neither arm varies; p is not adjusted for the number of comparisons. ";

const SEVERAL_PAIRS =
  "t, p: Welch's test, two-sided, – where neither arm varies; p is corrected (Holm) for the pairs of its measure of which " +
  'something could be claimed, – for the others. ';

const PAIRS =
  'P(better): how probable it is that a seed is better than one of the other arm, equal ones counting half. Seen: better ' +
  'or worse only where the interval excludes 0 and p < 0.05; none: no difference is seen, which is no proof that there is ' +
  `none, the interval says how large it may be; too few: under ${FEWEST_SEEDS} seeds nothing is claimed`;

const UNLIKE =
  '; unlike: nor is it of runs of different length or environment, of errors with other distractors, or of the last three with other evaluation intervals';

const VERDICTS =
  "Final reward: reproduced where the 95 % interval of the mean here overlaps the paper's (by Student's t, from its mean, " +
  'standard deviation and 5 runs), exceeded where it lies beyond it on the better side, not reproduced on the worse. One ' +
  'arm against another: reproduced where the difference is seen, by the rule that stands under the tables below; each ' +
  'claim is one planned comparison, whose p is corrected only where several pairs of the two arms stand here; a seed that ' +
  'never stays at 400 counts with the length of the run. Time: by worker process, whose seeds end together.';

/** Table 1 itself; where a page is narrow it is two: what the paper's has, and what it lacks. */
export function tableSection(
  rows: readonly TableRow[],
  notes: readonly string[],
  threshold: ShownThreshold,
): Section {
  return {
    tables: [
      tabulate(mainColumns(threshold), rows),
      tabulate(
        furtherColumns(threshold),
        rows.filter(({ run }) => run !== null),
      ),
    ],
    notes: [table1Note(threshold), ...notes],
  };
}

/** How sure the means are and in what the arms differ, measure by measure. */
export function statisticsSection(
  rows: readonly TableRow[],
  pairs: readonly PairRow[],
  measures: readonly Measure[],
): Section {
  const runs = rows.filter(({ run }) => run !== null);
  const tables = measures.flatMap((measure) => {
    const ofMeasure = pairs.filter(({ measure: key }) => key === measure.key);
    const arms = tabulate(statisticsColumns(measure), runs);
    return ofMeasure.length === 0
      ? [arms]
      : [arms, tabulate(pairColumns(measure, ofMeasure.length), ofMeasure)];
  });
  return { tables, notes: [STATISTICS, ...pairsNote(pairs)] };
}

/** How to read the pairs; none without one. */
function pairsNote(pairs: readonly PairRow[]): string[] {
  if (pairs.length === 0) return [];
  const measures = new Set(pairs.map(({ measure }) => measure));
  const correction = pairs.length > measures.size ? SEVERAL_PAIRS : ONE_PAIR;
  return [`${correction}${PAIRS}${pairs.some(({ seen }) => seen === 'unlike') ? UNLIKE : ''}.`];
}

/** The verdicts, and under them why: each reason once, numbered. */
export function verdictSection(verdicts: readonly Verdict[]): Section {
  const reasons = [...new Set(verdicts.map(({ reason }) => reason))];
  return {
    tables: [tabulate(verdictColumns(reasons), verdicts)],
    notes: [VERDICTS, ...reasons.map((reason, index) => `(${index + 1}) ${reason}.`)],
  };
}

/** Every seed's values, run by run. */
export function seedSection(samples: readonly Sample[], threshold: ShownThreshold): Section {
  return {
    tables: samples.map((sample) => tabulate(seedColumns(sample, threshold), sample.seeds)),
    notes: [],
  };
}

function tabulate<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Table {
  return {
    head: columns.map(({ head }) => head),
    numeric: columns.map(({ numeric }) => numeric),
    rows: rows.map((row) => columns.map(({ cell }) => cell(row))),
  };
}
