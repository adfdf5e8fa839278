import {
  formatInterval,
  formatMean,
  formatNumber,
  formatProbability,
  UNKNOWN,
  wholeNumber,
} from './numbers.ts';
import type { PairRow } from './pairs.ts';
import type { Measure, Sample, SeedValues } from './samples.ts';
import type { Crossing, TableRow } from './table.ts';
import type { ShownThreshold } from './threshold.ts';
import type { Verdict } from './verdicts.ts';

/** A column as it is read, rounded: text that every format shows, after its own escaping. */
export interface Column<Row> {
  head: string;
  /** Numbers stand on the right, text on the left. */
  numeric: boolean;
  cell: (row: Row) => string;
}

const text = <Row>(head: string, cell: (row: Row) => string): Column<Row> => ({ head, numeric: false, cell });
const number = <Row>(head: string, cell: (row: Row) => string): Column<Row> => ({
  head,
  numeric: true,
  cell,
});

/** What the paper's Table 1 has. */
export const mainColumns = ({ reward, steps }: ShownThreshold): Column<TableRow>[] => [
  text('Arm', ({ label }) => label),
  number('Seeds', ({ seeds }) => `${seeds}`),
  number('Final reward', ({ finalReward }) => formatMean('reward', finalReward)),
  number('Last three', ({ finalRewardLastThree }) => formatNumber('reward', finalRewardLastThree.mean)),
  number('Prediction error', ({ predictionMse }) => formatMean('error', predictionMse)),
  number(`Steps to ${reward}`, (row) => formatCrossing(row[steps], row.seeds)),
];

/** What it lacks. */
export const furtherColumns = ({ first }: ShownThreshold): Column<TableRow>[] => [
  text('Arm', ({ label }) => label),
  number('Standardised error', ({ predictionMseStandardised }) =>
    formatMean('error', predictionMseStandardised),
  ),
  number('First crossing', (row) => formatCrossing(row[first], row.seeds)),
  number('Seconds per seed', ({ secondsPerSeed }) => formatNumber('steps', secondsPerSeed)),
  number('Per worker', ({ seedsPerWorker }) => seedsPerWorker.join(', ') || UNKNOWN),
  text('Engine', ({ engine }) => engine ?? UNKNOWN),
];

/** How sure the mean of one measure is, arm by arm. */
export const statisticsColumns = ({ key, name, unit }: Measure): Column<TableRow>[] => [
  text(name, ({ label }) => label),
  number('Seeds', ({ seeds }) => `${seeds}`),
  number('Mean', (row) => formatMean(unit, row[key])),
  number('95 % interval', (row) => formatInterval(unit, row[key].interval)),
  number('Interquartile mean', (row) => formatNumber(unit, row[key].interquartileMean)),
];

/** How two arms differ in one measure; of several pairs, p is corrected. */
export const pairColumns = ({ name, unit }: Measure, pairs: number): Column<PairRow>[] => [
  text(name, ({ label }) => label),
  text('Against', ({ against }) => against),
  number('Difference', ({ difference }) => formatNumber(unit, difference)),
  number('95 % interval', ({ interval }) => formatInterval(unit, interval)),
  number('t', ({ welch }) => welch?.t.toFixed(1) ?? UNKNOWN),
  pairs > 1
    ? number('p (Holm)', ({ adjustedP }) => formatProbability(adjustedP))
    : number('p', ({ welch }) => formatProbability(welch?.p ?? null)),
  number('P(better)', ({ probabilityOfImprovement: p }) => p?.toFixed(2) ?? UNKNOWN),
  text('Seen', ({ seen }) => seen ?? UNKNOWN),
];

/** The verdicts on what the paper prints, each with the number of its reason in a list. */
export const verdictColumns = (reasons: readonly string[]): Column<Verdict>[] => [
  text('Arm', ({ label }) => label),
  text('Against', ({ against }) => against ?? ''),
  text('Claim', ({ claim }) => claim),
  number('Paper', ({ unit, paper }) => formatNumber(unit, paper.value)),
  number('Here', ({ unit, here }) => formatNumber(unit, here.value)),
  text('Verdict', ({ verdict, reason }) => `${verdict} (${reasons.indexOf(reason) + 1})`),
];

/** Every seed of a run. */
export const seedColumns = ({ label }: Sample, { reward, steps }: ShownThreshold): Column<SeedValues>[] => [
  text(label, ({ seed }) => `seed ${seed}`),
  number('Final reward', ({ finalReward }) => formatNumber('reward', finalReward)),
  number('Last three', ({ finalRewardLastThree }) => formatNumber('reward', finalRewardLastThree)),
  number('Prediction error', ({ predictionMse }) => formatNumber('error', predictionMse)),
  number('Standardised', ({ predictionMseStandardised }) => formatNumber('error', predictionMseStandardised)),
  number(`Steps to ${reward}`, ({ [steps]: step }) => (step === null ? 'never' : wholeNumber(step))),
  number('Seconds', formatSeconds),
];

/** `60`, of a worker process that trained several seeds at once `441 for 5` */
function formatSeconds({ wallSeconds, seedsPerWorker }: SeedValues): string {
  const seconds = wholeNumber(wallSeconds);
  return seedsPerWorker === 1 ? seconds : `${seconds} for ${seedsPerWorker ?? UNKNOWN}`;
}

/** `12,200 (4 of 5)`, or `never` */
function formatCrossing({ mean, reached }: Crossing, seeds: number): string {
  if (mean === null) return reached === 0 && seeds > 0 ? 'never' : UNKNOWN;
  return reached === null ? wholeNumber(mean) : `${wholeNumber(mean)} (${reached} of ${seeds})`;
}
