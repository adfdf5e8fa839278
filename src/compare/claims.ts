import { holm, type Interval } from '../statistics.ts';
import type { WelchTest } from '../student.ts';

/** Under so many seeds in an arm no difference is claimed. */
export const FEWEST_SEEDS = 5;

/** The level of Welch's test, corrected, from which on no difference is claimed. */
export const LEVEL = 0.05;

/** A difference and its test. */
export interface Tested {
  /** Null where it is not defined. */
  difference: number | null;
  /** Null where the test is not defined: fewer than two seeds, or no spread in either arm. */
  welch: WelchTest | null;
  /** Whether something may be claimed of it, from as many seeds as that takes. */
  claimable: boolean;
}

/**
 * Welch's p of each test of one family, corrected by Holm; null without a test, or where nothing can be claimed. What
 * can be claimed nothing of is no test and counts for none; arms that do not vary are one, and their p is as good as known.
 */
export function correctedPs(tests: readonly Tested[]): (number | null)[] {
  const family = tests.filter(({ claimable }) => claimable);
  const corrected = holm(family.map(({ welch, difference }) => welch?.p ?? (difference === 0 ? 1 : 0)));
  return tests.map((test) => {
    const place = family.indexOf(test);
    return test.welch === null || place < 0 ? null : corrected[place]!;
  });
}

/**
 * The sign of `value` − `none` where it is seen: the 95 % interval excludes `none` and the corrected p, where it is
 * defined, is below 0.05; else 0.
 */
export function seenSign(value: number, { low, high }: Interval, p: number | null, none = 0): number {
  const excludesNone = low > none || high < none;
  return excludesNone && (p === null || p < LEVEL) ? Math.sign(value - none) : 0;
}
