/** Mean and standard deviation of a sample; null where it is not defined. */
export interface Estimate {
  mean: number | null;
  std: number | null;
}

/** The arithmetic mean, null of no values. */
export function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of a sample, √(Σ (x − x̄)² / (n − 1)), null of fewer than two values. */
export function standardDeviation(values: readonly number[]): number | null {
  const center = mean(values);
  if (center === null || values.length < 2) return null;
  // The mean is rounded, which must not give equal values a spread.
  if (values.every((value) => value === values[0])) return 0;
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Mean and standard deviation together. */
export function estimate(values: readonly number[]): Estimate {
  return { mean: mean(values), std: standardDeviation(values) };
}

/** The quantile q in [0, 1] of at least one value, with linear interpolation between order statistics; 0.5: the median. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * The interquartile mean: the mean of what is left without the floor(n / 4) least and the floor(n / 4) greatest values;
 * null of no values. As Agarwal et al. (2021), "Deep RL at the edge of the statistical precipice", compute it in rliable
 * (scipy's `trim_mean(values, 0.25)`), so that numbers compare: a value is in or out, none counts in part.
 */
export function interquartileMean(values: readonly number[]): number | null {
  const trim = Math.floor(values.length / 4);
  return mean([...values].sort((a, b) => a - b).slice(trim, values.length - trim));
}

/** From `low` to `high`, both included. */
export interface Interval {
  low: number;
  high: number;
}

/**
 * The probability that a value of `a` is greater than one of `b`, P(X > Y) + P(X = Y) / 2 over all pairs: Mann and
 * Whitney's U over its greatest value, rliable's probability of improvement. Null where either is empty.
 */
export function probabilityOfImprovement(a: readonly number[], b: readonly number[]): number | null {
  if (a.length === 0 || b.length === 0) return null;
  let wins = 0;
  for (const x of a) for (const y of b) wins += x > y ? 1 : x === y ? 0.5 : 0;
  return wins / (a.length * b.length);
}

/**
 * p-values of several tests, corrected by Holm (1979) so that the chance of one false finding or more among them all is
 * no larger than the level each is held against, whatever their dependence:
 *
 *     p̃_(i) = max over j ≤ i of min(1, (m − j + 1) p_(j))      p_(1) ≤ … ≤ p_(m)
 *
 * @returns in the order given
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const corrected = [...values];
  let largest = 0;
  for (const [rank, index] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (values.length - rank) * values[index]!));
    corrected[index] = largest;
  }
  return corrected;
}
