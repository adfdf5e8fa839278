import { bootstrapComparison, type Interval, mean, probabilityOfImprovement } from '../statistics.ts';
import { type WelchTest, welch } from '../student.ts';
import { bootstrapStream, type Measure, measures, type Sample, valuesOf } from './samples.ts';

/** Under so many seeds in an arm no difference is claimed. */
export const FEWEST_SEEDS = 5;

/** The level of Welch's test above which no difference is claimed. */
const LEVEL = 0.05;

/** How the seeds of one run compare with those of another, in one number. */
export interface Contrast {
  /** Mean minus the other's mean; null where it is not defined. */
  difference: number | null;
  /** 95 %, of the difference, by bootstrap. */
  interval: Interval | null;
  /** Null where the test is not defined: fewer than two seeds, or no spread in either arm. */
  welch: WelchTest | null;
  /** Probability in [0, 1] that a seed is better than one of the other's; equal ones count half. */
  probabilityOfImprovement: number | null;
  /**
   * The claim. Better or worse: the interval excludes 0 and Welch's p, where defined, is below 0.05. None: no difference
   * is seen, which does not show that there is none. Too few: under 5 seeds in an arm. Null where a mean is not defined.
   */
  seen: 'better' | 'worse' | 'none' | 'too few' | null;
}

/** One measure of one pair of runs. */
export interface PairRow extends Contrast {
  measure: Measure['key'];
  label: string;
  run: string;
  /** The label and the run that it is compared with. */
  against: string;
  againstRun: string;
}

/**
 * Every measure of every pair of runs, the earlier one first, by measure. Not the pairs within a sweep: there are many,
 * some of which differ by chance, and what a sweep shows is the trend.
 */
export function pairRows(samples: readonly Sample[]): PairRow[] {
  return measures.flatMap(({ key, better }) =>
    samples.flatMap((sample, index) =>
      samples
        .slice(index + 1)
        .filter((other) => sample.cell === null || sample.cell.sweep !== other.cell?.sweep)
        .map((other) => ({
          measure: key,
          label: sample.label,
          run: sample.run,
          against: other.label,
          againstRun: other.run,
          ...contrast(valuesOf(sample, key), valuesOf(other, key), better),
        })),
    ),
  );
}

/** Compares two samples that are not paired, one value a seed. */
export function contrast(a: readonly number[], b: readonly number[], better: 'higher' | 'lower'): Contrast {
  const difference = (mean(a) ?? Number.NaN) - (mean(b) ?? Number.NaN);
  const numbers = {
    difference: Number.isFinite(difference) ? difference : null,
    interval: bootstrapComparison(a, b, (x, y) => x - y, bootstrapStream()),
    welch: welch(a, b),
    probabilityOfImprovement:
      better === 'higher' ? probabilityOfImprovement(a, b) : probabilityOfImprovement(b, a),
  };
  return { ...numbers, seen: claim(numbers, Math.min(a.length, b.length), better) };
}

function claim(
  { difference, interval, welch }: Omit<Contrast, 'seen'>,
  seeds: number,
  better: 'higher' | 'lower',
): Contrast['seen'] {
  if (difference === null) return null;
  if (seeds < FEWEST_SEEDS) return 'too few';
  if (interval === null) return null;
  const excludesZero = interval.low > 0 || interval.high < 0;
  if (!excludesZero || (welch !== null && welch.p >= LEVEL)) return 'none';
  return difference > 0 === (better === 'higher') ? 'better' : 'worse';
}
