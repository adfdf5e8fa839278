import { formatMean } from '../compare/numbers.ts';
import type { RunOutcome } from '../experiment/sitting.ts';
import { methods } from '../methods/index.ts';
import { readMetrics } from '../runs/read.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { type CurveSummary, summarise } from '../runs/summary.ts';
import { type Estimate, estimate } from '../statistics.ts';
import { counted } from '../words.ts';

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

/** Sums up a run and its sitting from the curves of its finished seeds. @throws UserError when one is damaged. */
export function runResult({ dir, experiment, done, failed, interrupted }: RunOutcome): RunResult {
  const finished = new Set(done);
  const summaries = experiment.seeds
    .filter((seed) => finished.has(seed))
    .map((seed) => {
      const rows = readMetrics(new SeedFolder(dir, seed));
      return { seed, ...summarise(rows, experiment.environment) };
    });
  return {
    run: dir,
    arm: methods[experiment.method].arm(experiment),
    final_reward: estimate(finalRewards({ seeds: summaries })),
    seeds: summaries,
    failed: Object.fromEntries(failed),
    interrupted,
  };
}

/** `482.7 ± 8.4 over 5 seeds` */
export function rewardWords(result: RunResult): string {
  const { length } = finalRewards(result);
  return `${formatMean('reward', result.final_reward)} over ${counted(length, 'seed')}`;
}

/** The finished seeds' final rewards. */
export function finalRewards({ seeds }: Pick<RunResult, 'seeds'>): number[] {
  return seeds.flatMap(({ final_reward }) => final_reward ?? []);
}
