import type { RunOutcome } from '../experiment/sitting.ts';
import { readRun } from '../runs/read.ts';
import { type CurveSummary, summarise } from '../runs/summary.ts';
import { type Estimate, estimate, formatEstimate } from '../statistics.ts';

/** What a run has come to, as `--json` prints it. */
export interface RunResult {
  run: string;
  arm: string;
  /** Over the finished seeds. */
  final_reward: Estimate;
  seeds: ({ seed: number } & CurveSummary)[];
  /** Why, by seed. */
  failed: Record<string, string>;
  interrupted: number[];
}

/** Sums up a run and its sitting from its folder. @throws UserError when the folder is damaged. */
export function runResult({ dir, failed, interrupted }: RunOutcome): RunResult {
  const { info, experiment, seeds } = readRun(dir);
  const summaries = seeds.map(({ seed, rows }) => ({ seed, ...summarise(rows, experiment.environment) }));
  return {
    run: dir,
    arm: info.arm,
    final_reward: estimate(finalRewards({ seeds: summaries })),
    seeds: summaries,
    failed: Object.fromEntries(failed),
    interrupted,
  };
}

/** `482.7 ± 8.4 over 5 seeds` */
export function rewardWords(result: RunResult): string {
  const { length } = finalRewards(result);
  return `${formatEstimate(result.final_reward, 1)} over ${length} seed${length === 1 ? '' : 's'}`;
}

/** The finished seeds' final rewards. */
export function finalRewards({ seeds }: Pick<RunResult, 'seeds'>): number[] {
  return seeds.flatMap(({ final_reward }) => final_reward ?? []);
}
