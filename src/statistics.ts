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
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Mean and standard deviation together. */
export function estimate(values: readonly number[]): Estimate {
  return { mean: mean(values), std: standardDeviation(values) };
}

/** `482.7 ± 8.4`, the mean alone where a standard deviation is not defined, `–` where the mean is not. */
export function formatEstimate({ mean, std }: Estimate, digits: number): string {
  if (mean === null) return '–';
  return std === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${std.toFixed(digits)}`;
}

/** The quantile q in [0, 1] of at least one value, with linear interpolation between order statistics; 0.5: the median. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}
