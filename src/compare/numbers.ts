import type { Estimate, Interval } from '../statistics.ts';

/** Stands where a number is not defined or not known. */
export const UNKNOWN = '–';

/**
 * What a number counts, which says how it is rounded. Errors are squared: two significant digits; shares are in %; pure
 * numbers have no unit and two decimals; factors, around 1, have as many, and below 0.1 two significant digits.
 */
export type Unit = 'reward' | 'error' | 'steps' | 'share' | 'pure' | 'factor';

/** Numbers written alike: their digits, and the `e-4` or `%` that follows them all. */
interface Digits {
  digits: string[];
  suffix: string;
}

/** Writes numbers with the precision that suits the first of them. */
function digitsOf(unit: Unit, values: readonly number[]): Digits {
  if (unit === 'error') return significant(values);
  if (unit === 'share') return { digits: values.map((value) => fixed(100 * value, 1)), suffix: ' %' };
  if (unit === 'steps') return { digits: values.map(wholeNumber), suffix: '' };
  const decimals = { reward: 1, pure: 2, factor: Math.max(2, decimalsOf(values[0])) }[unit];
  return { digits: values.map((value) => fixed(value, decimals)), suffix: '' };
}

/** The power of ten of the first of two significant digits: of the rounded number, so that 9.99e-4 is 1.0e-3. */
const magnitudeOf = (value = 0) => Number(value.toExponential(1).split('e')[1]);

/** Decimals that show two significant digits. */
const decimalsOf = (value?: number) => Math.max(0, 1 - magnitudeOf(value));

/** Two significant digits of the first number, as many decimals for the others; a power of ten where that is shorter. */
function significant(values: readonly number[]): Digits {
  const magnitude = magnitudeOf(values[0]);
  const scientific = magnitude < -2 || magnitude > 3;
  const decimals = scientific ? 1 : decimalsOf(values[0]);
  return {
    digits: values.map((value) => fixed(scientific ? value / 10 ** magnitude : value, decimals)),
    suffix: scientific ? `e${magnitude}` : '',
  };
}

/** `482.7`, `2.6e-4`, `12,200`, `19.8 %`; `–` for null. */
export function formatNumber(unit: Unit, value: number | null): string {
  if (value === null) return UNKNOWN;
  if (!Number.isFinite(value)) return `${value}`;
  const { digits, suffix } = digitsOf(unit, [value]);
  return digits[0]! + suffix;
}

/** `482.7 ± 8.4`, `0.085 ± 0.012`, `(2.6 ± 0.3)e-4`; the mean alone where no standard deviation is defined. */
export function formatMean(unit: Unit, { mean, std }: Estimate): string {
  if (mean === null || std === null || !Number.isFinite(mean)) return formatNumber(unit, mean);
  const { digits, suffix } = digitsOf(unit, [mean, std]);
  const both = digits.join(' ± ');
  return suffix.startsWith('e') ? `(${both})${suffix}` : both + suffix;
}

/** `[383.4, 421.2]`, `[-1.2, 2.6]e-4`, precise as the mean size of its ends; `–` for null. */
export function formatInterval(unit: Unit, interval: Interval | null): string {
  if (interval === null) return UNKNOWN;
  const { low, high } = interval;
  const { digits, suffix } = digitsOf(unit, [(Math.abs(low) + Math.abs(high)) / 2, low, high]);
  return `[${digits.slice(1).join(', ')}]${suffix}`;
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,200`. */
export function wholeNumber(value: number): string {
  return withoutZeroSign(grouped.format(value));
}

/** `0.021`; `<0.001` where three decimals would show none; `–` for null. */
export function formatProbability(p: number | null): string {
  if (p === null) return UNKNOWN;
  return p < 0.0005 ? '<0.001' : p.toFixed(3);
}

const fixed = (value: number, decimals: number) => withoutZeroSign(value.toFixed(decimals));

/** A negative number that rounds to zero is shown as zero. */
function withoutZeroSign(digits: string): string {
  return /^-[0.]+$/.test(digits) ? digits.slice(1) : digits;
}
