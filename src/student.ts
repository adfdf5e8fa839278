import jStat from 'jstat';
import { type Estimate, estimate, type Interval } from './statistics.ts';

/** Welch's test of whether two means are equal. */
export interface WelchTest {
  t: number;
  degreesOfFreedom: number;
  /** Two-sided, in [0, 1]. */
  p: number;
}

/**
 * Welch's t test (1947) of two independent samples, whose variances may differ:
 *
 *     t = (x̄ − ȳ) / √(u + v)      u = s_x² / n_x,  v = s_y² / n_y
 *     degrees of freedom = (u + v)² / (u² / (n_x − 1) + v² / (n_y − 1))
 *
 * Null where it is not defined: fewer than two values in a sample, one that is not finite, or both without any spread.
 */
export function welch(a: readonly number[], b: readonly number[]): WelchTest | null {
  const [x, y] = [estimate(a), estimate(b)];
  if (x.mean === null || y.mean === null || x.std === null || y.std === null) return null;
  const u = x.std ** 2 / a.length;
  const v = y.std ** 2 / b.length;
  const t = (x.mean - y.mean) / Math.sqrt(u + v);
  const degreesOfFreedom = (u + v) ** 2 / (u ** 2 / (a.length - 1) + v ** 2 / (b.length - 1));
  if (!Number.isFinite(t) || !Number.isFinite(degreesOfFreedom)) return null;
  return { t, degreesOfFreedom, p: 2 * jStat.studentt.cdf(-Math.abs(t), degreesOfFreedom) };
}

/**
 * The 95 % interval of a mean known only by its estimate, x̄ ± t(0.975, n − 1) s / √n: for numbers that others print.
 * Null without a mean or a standard deviation.
 */
export function studentInterval({ mean, std }: Estimate, n: number): Interval | null {
  if (mean === null || std === null) return null;
  const half = (jStat.studentt.inv(0.975, n - 1) * std) / Math.sqrt(n);
  return { low: mean - half, high: mean + half };
}
