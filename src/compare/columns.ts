import { type Estimate, formatEstimate } from '../statistics.ts';
import type { Crossing, TableRow } from './table.ts';

/** A column as it is read, rounded: text that every format shows, after its own escaping. */
export interface Column {
  head: string;
  /** Numbers stand on the right, text on the left. */
  numeric: boolean;
  cell: (row: TableRow) => string;
}

/** Stands where a number is not defined or not known. */
const UNKNOWN = '–';

export const armColumn: Column = { head: 'Arm', numeric: false, cell: ({ label }) => label };

/** What the paper's Table 1 has. */
export const mainColumns: Column[] = [
  { head: 'Seeds', numeric: true, cell: ({ seeds }) => `${seeds}` },
  { head: 'Final reward', numeric: true, cell: ({ finalReward }) => formatEstimate(finalReward, 1) },
  {
    head: 'Last three',
    numeric: true,
    cell: ({ finalRewardLastThree }) => formatEstimate({ mean: finalRewardLastThree, std: null }, 1),
  },
  { head: 'Prediction error', numeric: true, cell: ({ predictionMse }) => errorCell(predictionMse) },
  { head: 'Steps to 400', numeric: true, cell: ({ stepsTo400, seeds }) => crossingCell(stepsTo400, seeds) },
];

/** What it lacks. */
export const furtherColumns: Column[] = [
  {
    head: 'Standardised error',
    numeric: true,
    cell: ({ predictionMseStandardised }) => errorCell(predictionMseStandardised),
  },
  {
    head: 'First crossing',
    numeric: true,
    cell: ({ firstCrossing400, seeds }) => crossingCell(firstCrossing400, seeds),
  },
  {
    head: 'Seconds per seed',
    numeric: true,
    cell: ({ wallSeconds }) => (wallSeconds === null ? UNKNOWN : wholeNumber(wallSeconds)),
  },
  { head: 'Engine', numeric: false, cell: ({ engine }) => engine ?? UNKNOWN },
];

/** `0.085 ± 0.012`, `(2.6 ± 0.3)e-4`: two significant digits of the mean, which is not negative. */
function errorCell({ mean, std }: Estimate): string {
  if (mean === null) return UNKNOWN;
  if (!Number.isFinite(mean)) return `${mean}`;
  // From the rounded number, so that 9.99e-4 is 1.0e-3 and not 10.0e-4.
  const magnitude = Number(mean.toExponential(1).split('e')[1]);
  const scientific = magnitude < -2 || magnitude > 3;
  const decimals = scientific ? 1 : Math.max(0, 1 - magnitude);
  const digits = (value: number) => (scientific ? value / 10 ** magnitude : value).toFixed(decimals);
  const power = scientific ? `e${magnitude}` : '';
  if (std === null) return digits(mean) + power;
  const both = `${digits(mean)} ± ${digits(std)}`;
  return scientific ? `(${both})${power}` : both;
}

/** `12,200 (4 of 5)`, or `never` */
function crossingCell({ mean, reached }: Crossing, seeds: number): string {
  if (mean === null) return reached === 0 && seeds > 0 ? 'never' : UNKNOWN;
  return reached === null ? wholeNumber(mean) : `${wholeNumber(mean)} (${reached} of ${seeds})`;
}

function wholeNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}
