import {
  type Aggregate,
  improvementOf,
  iqmOf,
  meanOf,
  medianOf,
  optimalityGapOf,
  performanceProfile,
  type Scores,
  stratifiedIntervals,
} from '../../aggregate.ts';
import type { Interval } from '../../statistics.ts';
import { stratifiedWelch, type WelchTest } from '../../student.ts';
import { correctedPs, FEWEST_SEEDS, seenSign } from '../claims.ts';
import { resamples } from '../samples.ts';
import type { Field } from './entries.ts';

/** A number with its 95 % interval, null of a single seed. */
export interface Bounded {
  value: number;
  interval: Interval | null;
}

/** What one method comes to over all tasks. */
export interface Standing {
  method: string;
  scores: Scores;
  iqm: Bounded;
  median: Bounded;
  mean: Bounded;
  optimalityGap: Bounded;
  /** The share of runs above each of `THRESHOLDS`. */
  profile: Bounded[];
}

/** How one method stands against another, the better placed one first. */
export interface Duel {
  method: string;
  against: string;
  /** Of mean scores over tasks. */
  difference: number;
  /** P(X > Y), averaged over tasks. */
  improvement: Bounded;
  welch: WelchTest | null;
  /** Holm's, over all duels; null where the test is not defined or nothing can be claimed. */
  adjustedP: number | null;
  /**
   * Better or worse where the interval of P(X > Y) excludes a half, the corrected p, where defined, is below 0.05, and
   * both say the same: the difference has the sign of P(X > Y) - 1/2. None is no proof of equality; too few: under 5
   * seeds nothing is claimed.
   */
  seen: 'better' | 'worse' | 'none' | 'too few';
}

/** Scores at which performance profiles are told. */
export const THRESHOLDS = Array.from({ length: 31 }, (_, i) => i / 20);

/** Every method that has a run on every task, the greatest interquartile mean first. */
export function standings({ tasks }: Field): Standing[] {
  const statistics: Aggregate[] = [iqmOf, medianOf, meanOf, optimalityGapOf];
  return everywhere(tasks)
    .map((method) => {
      const scores = tasks.map(({ entries }) => entries.find((entry) => entry.method === method)!.scores);
      const numbers = (of: Scores) => [
        ...statistics.map((statistic) => statistic(of)),
        ...performanceProfile(of, THRESHOLDS),
      ];
      const intervals = stratifiedIntervals([scores], numbers, resamples);
      const [iqm, median, mean, optimalityGap, ...profile] = numbers(scores).map((value, index): Bounded => {
        return { value, interval: intervals?.[index] ?? null };
      });
      return {
        ...{ method, scores, profile },
        ...{ iqm: iqm!, median: median!, mean: mean!, optimalityGap: optimalityGap! },
      };
    })
    .sort((a, b) => b.iqm.value - a.iqm.value);
}

/** The methods that have a run on every task. */
const everywhere = (tasks: Field['tasks']) =>
  tasks[0]!.entries
    .map(({ method }) => method)
    .filter((method) => tasks.every(({ entries }) => entries.some((entry) => entry.method === method)));

/** The methods that lack a task, with those that they lack. */
export function absent({ tasks }: Field): { method: string; lacks: string[] }[] {
  const all = [...new Set(tasks.flatMap(({ entries }) => entries.map(({ method }) => method)))];
  return all.flatMap((method) => {
    const lacks = tasks
      .filter(({ entries }) => !entries.some((entry) => entry.method === method))
      .map(({ name }) => name);
    return lacks.length > 0 ? [{ method, lacks }] : [];
  });
}

/** Every two methods, the better placed one first. */
export function duels(standing: readonly Standing[], seeds: number): Duel[] {
  const pairs = standing.flatMap((a, index) => standing.slice(index + 1).map((b) => ({ a, b })));
  const numbers = pairs.map(({ a, b }) => {
    const intervals = stratifiedIntervals([a.scores, b.scores], (x, y) => [improvementOf(x, y)], resamples);
    const improvement = { value: improvementOf(a.scores, b.scores), interval: intervals?.[0] ?? null };
    const difference = a.mean.value - b.mean.value;
    return { difference, improvement, welch: stratifiedWelch(a.scores, b.scores) };
  });
  const claimable = seeds >= FEWEST_SEEDS;
  const ps = correctedPs(numbers.map((duel) => ({ ...duel, claimable })));
  return pairs.map(({ a, b }, index) => {
    const duel = { ...numbers[index]!, adjustedP: ps[index]! };
    return { method: a.method, against: b.method, ...duel, seen: claimable ? claim(duel) : 'too few' };
  });
}

function claim({
  difference,
  improvement: { value, interval },
  adjustedP,
}: Pick<Duel, 'difference' | 'improvement' | 'adjustedP'>): Duel['seen'] {
  if (interval === null) return 'too few';
  const sign = seenSign(value, interval, adjustedP, 0.5);
  // Who wins most pairs may still have the lesser mean, which is what the test is of.
  if (sign === 0 || sign !== Math.sign(difference)) return 'none';
  return sign > 0 ? 'better' : 'worse';
}
