import { bootstrapInterval } from '../bootstrap.ts';
import { printable } from '../printable.ts';
import type { Run } from '../runs/read.ts';
import { type Estimate, estimate, type Interval, interquartileMean, mean } from '../statistics.ts';
import { PAPER_SEEDS, paperResults } from './paper.ts';
import {
  armTitle,
  resamples,
  type Sample,
  type SeedValues,
  samplesOf,
  secondsByWorker,
  valuesOf,
} from './samples.ts';

/** What a sample of seeds says of a mean. */
export interface SeedStatistics extends Estimate {
  /** 95 %, of the mean, by bootstrap; null of fewer than two seeds, or where it is not known. */
  interval: Interval | null;
  interquartileMean: number | null;
}

/** When a threshold was reached, over the seeds that reached it. */
export interface Crossing {
  /** Mean environment step; null where no seed reached it. */
  mean: number | null;
  /** Number of seeds that reached it; null where that is not known. */
  reached: number | null;
}

/** One row of Table 1: an arm as one run folder, or the paper, measured it. docs/metrics.md defines the numbers. */
export interface TableRow {
  label: string;
  arm: string;
  /** The run folder's name; null for the paper's row. */
  run: string | null;
  /** What it is in a sweep; null for a run of its own. */
  cell: Sample['cell'];
  /** Finished seeds: those that the numbers are of. */
  seeds: number;
  finalReward: SeedStatistics;
  finalRewardLastThree: SeedStatistics;
  /** Raw units. */
  predictionMse: SeedStatistics;
  predictionMseStandardised: SeedStatistics;
  rewardMse: SeedStatistics;
  openLoopMse: SeedStatistics;
  probeR2: SeedStatistics;
  effectiveRank: SeedStatistics;
  /** Sustained to the end. */
  stepsTo400: Crossing;
  firstCrossing400: Crossing;
  stepsToThreshold: Crossing;
  firstCrossing: Crossing;
  /** Mean over the seeds. */
  wallSeconds: number | null;
  /** Mean over the seeds of their shares of their worker processes' time; null where one's is not known. */
  secondsPerSeed: number | null;
  /** How many seeds a worker process trained side by side, in ascending order; none where it is not known. */
  seedsPerWorker: number[];
  /** How many worker processes trained them: that many times were measured. Null where it is not known. */
  workers: number | null;
  /** Every engine that a finished seed ended on. */
  engine: string | null;
}

/**
 * Table 1: one row per run, in the order given. Runs are never merged, even of one arm.
 *
 * @param paper whether the paper's printed numbers follow the runs of its two arms
 * @param intervals whether to draw the intervals, which take longer than all the rest
 */
export function tableRows(
  runs: readonly Run[],
  paper: boolean,
  { intervals = true }: { intervals?: boolean } = {},
): TableRow[] {
  const rows = samplesOf(runs).map((sample, index) => runRow(sample, runs[index]!, intervals));
  if (!paper) return rows;
  return rows.flatMap((row, index) => {
    const last = !rows.slice(index + 1).some(({ arm }) => arm === row.arm);
    return last ? [row, ...paperRow(row.arm)] : [row];
  });
}

function runRow(sample: Sample, { seeds }: Run, intervals: boolean): TableRow {
  const statistics = (key: keyof SeedValues) => {
    const values = valuesOf(sample, key);
    return {
      ...estimate(values),
      interval: intervals ? bootstrapInterval(values, resamples) : null,
      interquartileMean: interquartileMean(values),
    };
  };
  const crossing = (key: keyof SeedValues) => {
    const steps = valuesOf(sample, key);
    return { mean: mean(steps), reached: steps.length };
  };
  const workers = secondsByWorker(seeds);
  const engines = new Set(seeds.map(({ done }) => printable(done.engine)));
  return {
    label: sample.label,
    arm: sample.arm,
    run: sample.run,
    cell: sample.cell,
    seeds: sample.seeds.length,
    finalReward: statistics('finalReward'),
    finalRewardLastThree: statistics('finalRewardLastThree'),
    predictionMse: statistics('predictionMse'),
    predictionMseStandardised: statistics('predictionMseStandardised'),
    rewardMse: statistics('rewardMse'),
    openLoopMse: statistics('openLoopMse'),
    probeR2: statistics('probeR2'),
    effectiveRank: statistics('effectiveRank'),
    stepsTo400: crossing('stepsTo400'),
    firstCrossing400: crossing('firstCrossing400'),
    stepsToThreshold: crossing('stepsToThreshold'),
    firstCrossing: crossing('firstCrossing'),
    wallSeconds: mean(valuesOf(sample, 'wallSeconds')),
    secondsPerSeed: workers === null ? null : mean(valuesOf(sample, 'secondsPerSeed')),
    seedsPerWorker:
      workers === null ? [] : [...new Set(valuesOf(sample, 'seedsPerWorker'))].sort((a, b) => a - b),
    workers: workers?.length ?? null,
    engine: engines.size > 0 ? [...engines].join(', ') : null,
  };
}

const printed = (numbers: Estimate): SeedStatistics => ({
  ...numbers,
  interval: null,
  interquartileMean: null,
});
const notPrinted = printed({ mean: null, std: null });

/** The paper's row of an arm; none for an arm that it does not have. */
function paperRow(arm: string): TableRow[] {
  const results = paperResults.get(arm);
  if (results === undefined) return [];
  return [
    {
      label: `${armTitle(arm)} (paper)`,
      arm,
      run: null,
      cell: null,
      seeds: PAPER_SEEDS,
      finalReward: printed(results.finalReward),
      finalRewardLastThree: notPrinted,
      predictionMse: printed(results.predictionMse),
      predictionMseStandardised: notPrinted,
      rewardMse: notPrinted,
      openLoopMse: notPrinted,
      probeR2: notPrinted,
      effectiveRank: notPrinted,
      stepsTo400: { mean: results.stepsTo400, reached: null },
      firstCrossing400: { mean: null, reached: null },
      stepsToThreshold: { mean: null, reached: null },
      firstCrossing: { mean: null, reached: null },
      wallSeconds: null,
      secondsPerSeed: null,
      seedsPerWorker: [],
      workers: null,
      engine: null,
    },
  ];
}
