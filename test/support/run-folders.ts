import { basename, join } from 'node:path';
import { formatExperiment } from '../../src/config/format.ts';
import { loadExperiment } from '../../src/config/load.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';

/** A finished run to write, without any training. */
export interface TestRun {
  arm?: string;
  /** Of the config; the first `curves.length` are finished. */
  seeds?: number[];
  /** By seed: the reward at 2000, 4000, … steps. */
  curves: number[][];
  /** By seed: the last prediction error, the standardised one 20 times as large. */
  errors?: number[];
  /** Further columns of metrics.csv, by seed. */
  further?: Record<string, number[]>;
  wallSeconds?: number[];
  /** The seeds that trained in one process, for each; unless said, each seed in its own. */
  workers?: number[][];
  engine?: string;
  overrides?: string[];
}

/** What stands in the run.json of every test run. */
export const runInfo = (arm: string, engine: string) => ({
  wmVersion: '0.1.0',
  gitCommit: null,
  node: 'v20.17.0',
  engine: { name: engine, device: 'cpu', version: '1', reason: null },
  host: 'host',
  platform: 'linux-x64',
  cores: 2,
  status: {},
  method: 'vae-lstm',
  arm,
  command: ['wm', 'train'],
});

function makeRun(
  dir: string,
  { arm = basename(dir), curves, errors = [], further = {}, wallSeconds = [], ...run }: TestRun,
): string {
  const { seeds = curves.map((_, i) => i), engine = 'wasm', overrides = [] } = run;
  const workers = run.workers ?? seeds.map((seed) => [seed]);
  const experiment = loadExperiment({
    file: 'test',
    text: 'method: vae-lstm',
    overrides: [`seeds=[${seeds}]`, ...overrides],
  });
  const folder = RunFolder.open(dir, {
    configText: formatExperiment(experiment),
    info: runInfo(arm, engine),
  });
  for (const [i, curve] of curves.entries()) {
    const seedFolder = folder.seed(seeds[i]!);
    const columns = [
      'seed',
      'env_step',
      'reward_mean',
      'reward_std',
      'prediction_mse',
      'prediction_mse_standardised',
      ...Object.keys(further),
    ];
    const metrics = seedFolder.openMetrics(columns);
    for (const [row, reward] of curve.entries()) {
      metrics.append({
        seed: seeds[i]!,
        env_step: 2000 * (row + 1),
        reward_mean: reward,
        reward_std: 1,
        prediction_mse: errors[i] ?? null,
        prediction_mse_standardised: errors[i] === undefined ? null : errors[i] * 20,
        ...Object.fromEntries(Object.entries(further).map(([column, values]) => [column, values[i]!])),
      });
    }
    seedFolder.markDone({
      steps: 50_000,
      updates: 12_250,
      wallSeconds: wallSeconds[i] ?? 60,
      engine,
      device: 'cpu',
      worker: { seeds: workers.find((worker) => worker.includes(seeds[i]!))! },
    });
  }
  folder.close();
  return dir;
}

/** Makes run folders in the folder `runs`, by name; gives the path of each. */
export function runMaker(runs: string): (name: string, run: TestRun) => string {
  return (name, run) => makeRun(join(runs, name), run);
}
