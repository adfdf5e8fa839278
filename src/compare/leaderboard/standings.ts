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
import { holm, type Interval } from '../../statistics.ts';
import { stratifiedWelch, type WelchTest } from '../../student.ts';
import { FEWEST_SEEDS } from '../pairs.ts';
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
  /** Holm's, over all duels; null where the test is not defined. */
  adjustedP: number | null;
  /**
   * Better or worse where the interval of P(X > Y) excludes a half and the corrected p, where defined, is below 0.05; none
   * is no proof of equality; too few: under 5 seeds nothing is claimed.
   */
  seen: 'better' | 'worse' | 'none' | 'too few';
}

/** Scores at which performance profiles are told. */
export const THRESHOLDS = Array.from({ length: 31 }, (_, i) => i / 20);

const LEVEL = 0.05;

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
  // Where neither varies the p is as good as known.
  const corrected = holm(numbers.map(({ welch, difference }) => welch?.p ?? (difference === 0 ? 1 : 0)));
  return pairs.map(({ a, b }, index) => {
    const duel = numbers[index]!;
    const adjustedP = duel.welch === null ? null : corrected[index]!;
    return { method: a.method, against: b.method, ...duel, adjustedP, seen: claim(duel, adjustedP, seeds) };
  });
}

function claim({ improvement }: Pick<Duel, 'improvement'>, p: number | null, seeds: number): Duel['seen'] {
  const { value, interval } = improvement;
  if (seeds < FEWEST_SEEDS || interval === null) return 'too few';
  if ((interval.low <= 0.5 && interval.high >= 0.5) || (p !== null && p >= LEVEL)) return 'none';
  return value > 0.5 ? 'better' : 'worse';
}
