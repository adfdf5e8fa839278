import { middleOf, RESAMPLES, type Resamples } from './bootstrap.ts';
import { type Interval, interquartileMean, mean, probabilityOfImprovement, quantile } from './statistics.ts';

/**
 * Statistics over several tasks as Agarwal et al. (2021), "Deep RL at the edge of the statistical precipice", define them
 * and rliable computes them. Scores are normalised, [tasks, runs], of at least one task with at least one run each.
 */
export type Scores = readonly (readonly number[])[];

/** Those of all tasks, one after the other: some ten times as fast as `flat`, and it is asked for at every resample. */
const allRuns = (scores: Scores): number[] => ([] as number[]).concat(...scores);

/** One number of the scores of one method. */
export type Aggregate = (scores: Scores) => number;

/** The interquartile mean of all runs of all tasks together. */
export const iqmOf: Aggregate = (scores) => interquartileMean(allRuns(scores))!;

/** The mean of the tasks' means. */
export const meanOf: Aggregate = (scores) => mean(scores.map((runs) => mean(runs)!))!;

/** The median of the tasks' means. */
export const medianOf: Aggregate = (scores) =>
  quantile(
    scores.map((runs) => mean(runs)!),
    0.5,
  );

/** How far runs fall short of the score 1, on average: 1 − mean(min(x, 1)). What lies above 1 makes up for nothing. */
export const optimalityGapOf: Aggregate = (scores) =>
  1 - mean(allRuns(scores).map((score) => Math.min(score, 1)))!;

/** The share of all runs whose score is above each threshold τ: the score distribution, or performance profile. */
export function performanceProfile(scores: Scores, thresholds: readonly number[]): number[] {
  const all = allRuns(scores);
  return thresholds.map((tau) => {
    let above = 0;
    for (const score of all) if (score > tau) above++;
    return above / all.length;
  });
}

/** P(X > Y): the probability that a run of X is better than one of Y on the same task, averaged over tasks; ties half. */
export const improvementOf = (x: Scores, y: Scores): number =>
  mean(x.map((runs, task) => probabilityOfImprovement(runs, y[task]!)!))!;

/**
 * The 95 % stratified percentile bootstrap interval of numbers of the scores of several methods: each task's runs of each
 * method are resampled by themselves. Null where a task has fewer than two runs.
 *
 * @param methods the scores of each
 * @param statistic of the resampled scores, in the methods' order, which it does not keep; of each number that it gives
 *   there is an interval
 */
export function stratifiedIntervals(
  methods: readonly Scores[],
  statistic: (...methods: Scores[]) => readonly number[],
  resamples: Resamples,
): Interval[] | null {
  const strata = methods.flat();
  if (strata.some((runs) => runs.length < 2)) return null;
  const draws = resamples.of(strata.map(({ length }) => length));
  // One resample after the other in the same place.
  const drawn = methods.map((scores) => scores.map((runs) => [...runs]));
  const targets = drawn.flat();
  const numbers: Float64Array[] = [];
  for (let place = 0, resample = 0; place < draws.length; resample++) {
    for (const [at, runs] of strata.entries()) {
      const target = targets[at]!;
      for (let i = 0; i < runs.length; i++) target[i] = runs[draws[place++]!]!;
    }
    const found = statistic(...drawn);
    for (let i = 0; i < found.length; i++) {
      numbers[i] ??= new Float64Array(RESAMPLES);
      numbers[i]![resample] = found[i]!;
    }
  }
  return numbers.map(middleOf);
}
