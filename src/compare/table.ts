import type { Run } from '../runs/read.ts';
import { type CurveSummary, summarise } from '../runs/summary.ts';
import { type Estimate, estimate, mean } from '../statistics.ts';
import { PAPER_SEEDS, paperResults } from './paper.ts';

/** When a reward of 400 was reached, over the seeds that reached it. */
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
  /** Finished seeds: those that the numbers are of. */
  seeds: number;
  finalReward: Estimate;
  finalRewardLastThree: number | null;
  /** Raw units. */
  predictionMse: Estimate;
  predictionMseStandardised: Estimate;
  /** Sustained to the end. */
  stepsTo400: Crossing;
  firstCrossing400: Crossing;
  /** Mean over the seeds. */
  wallSeconds: number | null;
  /** Every engine that a finished seed ended on. */
  engine: string | null;
}

/**
 * Table 1: one row per run folder, in the order given. Runs are never merged, even of one arm.
 *
 * @param paper whether the paper's printed numbers follow the runs of its two arms
 */
export function tableRows(runs: readonly Run[], paper: boolean): TableRow[] {
  const labels = runLabels(runs);
  const rows = runs.map((run, index) => runRow(run, labels[index]!));
  if (!paper) return rows;
  return rows.flatMap((row, index) => {
    const last = !rows.slice(index + 1).some(({ arm }) => arm === row.arm);
    return last ? [row, ...paperRow(row.arm)] : [row];
  });
}

/** What each run is called: its arm, with the folder where another run has the same arm. */
export function runLabels(runs: readonly Run[]): string[] {
  const arms = runs.map(({ info }) => info.arm);
  const names = runs.map(({ name }) => name);
  const shared = (values: readonly string[], value: string) => values.filter((v) => v === value).length > 1;
  return runs.map(({ dir, name, info }) => {
    const title = armTitle(info.arm);
    const folder = shared(names, name) ? dir : name;
    return printable(shared(arms, info.arm) ? `${title} (${folder})` : title);
  });
}

function runRow({ name, info, seeds }: Run, label: string): TableRow {
  const curves = seeds.map(({ rows }) => summarise(rows));
  const column = (key: keyof CurveSummary) =>
    curves.map((curve) => curve[key]).filter((value) => value !== null);
  const crossing = (key: keyof CurveSummary) => ({ mean: mean(column(key)), reached: column(key).length });
  const engines = new Set(seeds.map(({ done }) => printable(done.engine)));
  return {
    label,
    arm: printable(info.arm),
    run: printable(name),
    seeds: seeds.length,
    finalReward: estimate(column('final_reward')),
    finalRewardLastThree: mean(column('final_reward_last_three')),
    predictionMse: estimate(column('prediction_mse')),
    predictionMseStandardised: estimate(column('prediction_mse_standardised')),
    stepsTo400: crossing('steps_to_400'),
    firstCrossing400: crossing('first_crossing_400'),
    wallSeconds: mean(seeds.map(({ done }) => done.wallSeconds)),
    engine: engines.size > 0 ? [...engines].join(', ') : null,
  };
}

/** The paper's row of an arm; none for an arm that it does not have. */
function paperRow(arm: string): TableRow[] {
  const results = paperResults.get(arm);
  if (results === undefined) return [];
  return [
    {
      label: `${armTitle(arm)} (paper)`,
      arm,
      run: null,
      seeds: PAPER_SEEDS,
      finalReward: results.finalReward,
      finalRewardLastThree: null,
      predictionMse: results.predictionMse,
      predictionMseStandardised: { mean: null, std: null },
      stepsTo400: { mean: results.stepsTo400, reached: null },
      firstCrossing400: { mean: null, reached: null },
      wallSeconds: null,
      engine: null,
    },
  ];
}

/** `dream-critic` -> `Dream critic`. */
function armTitle(arm: string): string {
  return arm.charAt(0).toUpperCase() + arm.slice(1).replaceAll('-', ' ');
}

/** Text from a run folder on one line and without control characters, which could drive a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
