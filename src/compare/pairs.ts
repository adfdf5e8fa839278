import { bootstrapComparison } from '../bootstrap.ts';
import type { Run } from '../runs/read.ts';
import { type Interval, mean, probabilityOfImprovement } from '../statistics.ts';
import { type WelchTest, welch } from '../student.ts';
import { correctedPs, FEWEST_SEEDS, seenSign } from './claims.ts';
import { unlike } from './conditions.ts';
import { type Measure, measuresOf, resamples, type Sample, valuesOf } from './samples.ts';

/** How the seeds of one run compare with those of another, in one number. */
export interface Contrast {
  /** Mean minus the other's mean; null where it is not defined. */
  difference: number | null;
  /** 95 %, of the difference, by bootstrap. */
  interval: Interval | null;
  /** Null where the test is not defined: fewer than two seeds, or no spread in either arm. */
  welch: WelchTest | null;
  /** Welch's p, corrected for the pairs that it stands among; null without the test, or where nothing can be claimed. */
  adjustedP: number | null;
  /** Probability in [0, 1] that a seed is better than one of the other's; equal ones count half. */
  probabilityOfImprovement: number | null;
  /**
   * The claim. Better or worse: the interval excludes 0 and the corrected p, where defined, is below 0.05. None: no
   * difference is seen, which does not show that there is none. Too few: under 5 seeds in an arm. Unlike: measured under
   * other conditions. Null where a mean is not defined.
   */
  seen: 'better' | 'worse' | 'none' | 'too few' | 'unlike' | null;
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
 *
 * @param samples of the runs, in their order
 */
export function pairRows(runs: readonly Run[], samples: readonly Sample[]): PairRow[] {
  const members = samples.map((sample, index) => ({ sample, run: runs[index]! }));
  const pairs = members.flatMap((a, index) =>
    members
      .slice(index + 1)
      .filter((b) => a.sample.cell === null || a.sample.cell.sweep !== b.sample.cell?.sweep)
      .map((b) => ({ a, b })),
  );
  return measuresOf(samples).flatMap((measure) => {
    const { key, better } = measure;
    const compared = contrasts(
      pairs.map(({ a, b }) => ({
        a: valuesOf(a.sample, key),
        b: valuesOf(b.sample, key),
        unlike: unlike(a.run, b.run, measure),
      })),
      better,
    );
    return pairs.map(({ a, b }, index) => ({
      measure: key,
      label: a.sample.label,
      run: a.sample.run,
      against: b.sample.label,
      againstRun: b.sample.run,
      ...compared[index]!,
    }));
  });
}

/** Two samples that are not paired, one value a seed; `unlike` where they were measured under other conditions. */
export interface Samples {
  a: readonly number[];
  b: readonly number[];
  unlike?: boolean;
}

/** Compares the samples of each pair; their p-values are corrected together. */
export function contrasts(pairs: readonly Samples[], better: 'higher' | 'lower'): Contrast[] {
  const compared = pairs.map((pair) => ({ pair, numbers: contrast(pair, better) }));
  const ps = correctedPs(
    compared.map(({ pair, numbers }) => ({
      ...numbers,
      claimable: barred(pair, numbers.difference) === undefined,
    })),
  );
  return compared.map(({ pair, numbers }, index) => {
    const adjustedP = ps[index]!;
    return { ...numbers, adjustedP, seen: claim(pair, { ...numbers, adjustedP }, better) };
  });
}

type Numbers = Omit<Contrast, 'seen' | 'adjustedP'>;

function contrast({ a, b }: Samples, better: 'higher' | 'lower'): Numbers {
  const difference = (mean(a) ?? Number.NaN) - (mean(b) ?? Number.NaN);
  return {
    difference: Number.isFinite(difference) ? difference : null,
    interval: bootstrapComparison(a, b, (x, y) => x - y, resamples),
    welch: welch(a, b),
    probabilityOfImprovement:
      better === 'higher' ? probabilityOfImprovement(a, b) : probabilityOfImprovement(b, a),
  };
}

/** Why nothing can be claimed of a pair; undefined where something can. */
function barred({ a, b, unlike }: Samples, difference: number | null): Contrast['seen'] | undefined {
  if (difference === null) return null;
  if (unlike) return 'unlike';
  return Math.min(a.length, b.length) < FEWEST_SEEDS ? 'too few' : undefined;
}

function claim(
  pair: Samples,
  { difference, interval, adjustedP }: Omit<Contrast, 'seen'>,
  better: 'higher' | 'lower',
): Contrast['seen'] {
  const bar = barred(pair, difference);
  if (bar !== undefined) return bar;
  if (difference === null || interval === null) return null;
  const sign = seenSign(difference, interval, adjustedP);
  if (sign === 0) return 'none';
  return sign > 0 === (better === 'higher') ? 'better' : 'worse';
}
