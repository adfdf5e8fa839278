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
  return twoSided(t, degreesOfFreedom);
}

/** Null where it is not defined. */
function twoSided(t: number, degreesOfFreedom: number): WelchTest | null {
  if (!Number.isFinite(t) || !Number.isFinite(degreesOfFreedom)) return null;
  return { t, degreesOfFreedom, p: 2 * jStat.studentt.cdf(-Math.abs(t), degreesOfFreedom) };
}

/**
 * Welch's test over several tasks: of D, the mean over T tasks of the differences of two methods' means,
 *
 *     t = D / √V      V = Σ v,  v = s² / (n T²) of each task's sample of each method
 *     degrees of freedom = V² / Σ v² / (n − 1)
 *
 * (Satterthwaite 1946); of one task it is `welch`. Null where that is.
 *
 * @param x [tasks, runs], and so `y`
 */
export function stratifiedWelch(
  x: readonly (readonly number[])[],
  y: readonly (readonly number[])[],
): WelchTest | null {
  const strata = [...x.map((runs) => ({ runs, sign: 1 })), ...y.map((runs) => ({ runs, sign: -1 }))];
  let [difference, variance, spread] = [0, 0, 0];
  for (const { runs, sign } of strata) {
    const { mean, std } = estimate(runs);
    if (mean === null || std === null) return null;
    const v = std ** 2 / (runs.length * x.length ** 2);
    difference += (sign * mean) / x.length;
    variance += v;
    spread += v ** 2 / (runs.length - 1);
  }
  const t = difference / Math.sqrt(variance);
  const degreesOfFreedom = variance ** 2 / spread;
  return twoSided(t, degreesOfFreedom);
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

/**
 * The power of the two-sided t test of two samples of n values each, of normal distributions of one variance whose means
 * lie d standard deviations apart (Cohen 1988): the probability that it falls below the level α,
 *
 *     P(|T| > t(1 − α / 2, 2n − 2))      T of the noncentral t distribution of 2n − 2 degrees and centre d √(n / 2)
 *
 * @param effect d, of either sign
 * @param n values in each sample, 2 at least
 * @param level α in (0, 1)
 */
export function powerOfTest(effect: number, n: number, level: number): number {
  const degreesOfFreedom = 2 * n - 2;
  const critical = jStat.studentt.inv(1 - level / 2, degreesOfFreedom);
  const center = Math.abs(effect) * Math.sqrt(n / 2);
  const below = (t: number) => jStat.noncentralt.cdf(t, degreesOfFreedom, center);
  return 1 - below(critical) + below(-critical);
}

/** The least n for which that power is at least `power`; effects that ask for more than a million are refused. */
export function samplesForPower(effect: number, power: number, level: number): number {
  const MOST = 1_000_000;
  let [low, high] = [2, 2];
  while (powerOfTest(effect, high, level) < power) {
    if (high > MOST) throw new RangeError(`an effect of ${effect} asks for more than ${MOST} values`);
    [low, high] = [high, high * 2];
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (powerOfTest(effect, middle, level) < power) low = middle + 1;
    else high = middle;
  }
  return high;
}

/** The least effect d that n values in each sample show with that power. */
export function effectForPower(n: number, power: number, level: number): number {
  let [low, high] = [0, 1];
  while (powerOfTest(high, n, level) < power) [low, high] = [high, high * 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (powerOfTest(middle, n, level) < power) low = middle;
    else high = middle;
  }
  return high;
}
