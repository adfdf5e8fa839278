import type { RandomStream } from './random/stream.ts';
import type { Interval } from './statistics.ts';

/** Resamples behind each bootstrap interval. */
export const RESAMPLES = 10_000;

/** Draws that are kept, those of 1,000 values in all; once there are more, the newest alone. */
const MOST_KEPT = 1e7;

/**
 * Which of its values each resample of a sample has, drawn with replacement. Samples of equal sizes are resampled alike,
 * whatever stands beside them: the draws of each size are a stream's from its start, and are made once.
 */
export class Resamples {
  readonly #begin: () => RandomStream;
  /** By the sizes of the samples that are resampled together. */
  readonly #drawn = new Map<string, Uint32Array>();
  #kept = 0;

  /** @param begin gives the stream at its start */
  constructor(begin: () => RandomStream) {
    this.#begin = begin;
  }

  /** Resample by resample, for each sample as many of its places as it has values: shape [10,000, Σ sizes]. */
  of(sizes: readonly number[]): Uint32Array {
    const key = sizes.join();
    const known = this.#drawn.get(key);
    if (known) return known;
    const stream = this.#begin();
    const bounds = sizes.flatMap((size) => Array<number>(size).fill(size));
    const draws = new Uint32Array(RESAMPLES * bounds.length);
    for (let i = 0; i < draws.length; ) for (const bound of bounds) draws[i++] = stream.integer(bound);
    this.#kept += draws.length;
    if (this.#kept > MOST_KEPT) {
      this.#drawn.clear();
      this.#kept = draws.length;
    }
    this.#drawn.set(key, draws);
    return draws;
  }
}

/**
 * The 95 % percentile bootstrap interval of the mean (Efron, 1979): the quantiles 0.025 and 0.975 of the means of 10,000
 * resamples, each of n values drawn with replacement. With few values it is too narrow (of five normal ones it holds the
 * true mean about 84 times in 100). Null of fewer than two values, or where one is not finite.
 */
export function bootstrapInterval(values: readonly number[], resamples: Resamples): Interval | null {
  if (!canBeResampled(values)) return null;
  return middleOf(meansOf(values, resamples.of([values.length]), 0, values.length));
}

/**
 * The 95 % percentile bootstrap interval of a comparison of two means, e.g. their difference. The two samples, which are
 * not paired, are resampled independently. Null where either has fewer than two values or one that is not finite.
 *
 * @param compare of a resample's two means, in the samples' order
 */
export function bootstrapComparison(
  a: readonly number[],
  b: readonly number[],
  compare: (meanOfA: number, meanOfB: number) => number,
  resamples: Resamples,
): Interval | null {
  if (!canBeResampled(a) || !canBeResampled(b)) return null;
  const draws = resamples.of([a.length, b.length]);
  const both = a.length + b.length;
  const meansOfB = meansOf(b, draws, a.length, both);
  return middleOf(meansOf(a, draws, 0, both).map((mean, i) => compare(mean, meansOfB[i]!)));
}

const canBeResampled = (values: readonly number[]) => values.length >= 2 && values.every(Number.isFinite);

/** The mean of each resample of a sample, whose draws begin at `offset` of each `stride`. */
function meansOf(
  values: readonly number[],
  draws: Uint32Array,
  offset: number,
  stride: number,
): Float64Array {
  const means = new Float64Array(RESAMPLES);
  // Summed from the first value on, so that the mean of equal values is that value and not one beside it.
  const origin = values[0]!;
  const differences = Float64Array.from(values, (value) => value - origin);
  for (let i = 0; i < RESAMPLES; i++) {
    const begin = i * stride + offset;
    let sum = 0;
    for (let j = 0; j < differences.length; j++) sum += differences[draws[begin + j]!]!;
    means[i] = origin + sum / differences.length;
  }
  return means;
}

/** The quantiles 0.025 and 0.975 of values, which are reordered on the way. */
export const middleOf = (values: Float64Array): Interval => ({
  low: quantileOf(values, 0.025),
  high: quantileOf(values, 0.975),
});

/** As `quantile` of statistics.ts: sorting all values, of which two are wanted, takes several times as long. */
function quantileOf(values: Float64Array, q: number): number {
  const position = q * (values.length - 1);
  const place = Math.floor(position);
  const below = select(values, place);
  let above = values[place + 1]!;
  for (let i = place + 2; i < values.length; i++) if (values[i]! < above) above = values[i]!;
  return below + (above - below) * (position - place);
}

/** The value with k smaller or equal ones before it, which it then stands behind, and none that are smaller after it (Hoare, 1961). */
function select(values: Float64Array, k: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[k]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (pivot < values[j]!) j--;
      if (i > j) break;
      const value = values[i]!;
      values[i++] = values[j]!;
      values[j--] = value;
    }
    if (j < k) low = i;
    if (k < i) high = j;
  }
  return values[k]!;
}
