import { Resamples } from '../bootstrap.ts';
import { CONFIG } from '../config/bases.ts';
import { inline } from '../config/describe.ts';
import { shown } from '../config/problems.ts';
import type { CellSettings } from '../config/sweep.ts';
import { printable } from '../printable.ts';
import { RandomStream } from '../random/stream.ts';
import type { FinishedSeed, Run } from '../runs/read.ts';
import { summarise } from '../runs/summary.ts';
import { mean } from '../statistics.ts';
import type { Unit } from './numbers.ts';

/** What one finished seed came to; null where it is not defined. docs/metrics.md, summary.csv, defines the numbers. */
export interface SeedValues {
  seed: number;
  finalReward: number | null;
  finalRewardLastThree: number | null;
  predictionMse: number | null;
  predictionMseStandardised: number | null;
  rewardMse: number | null;
  openLoopMse: number | null;
  probeR2: number | null;
  effectiveRank: number | null;
  stepsTo400: number | null;
  firstCrossing400: number | null;
  stepsToThreshold: number | null;
  firstCrossing: number | null;
  wallSeconds: number;
  /** How many seeds its worker process trained side by side; null where that is not known or changed. */
  seedsPerWorker: number | null;
  /** Its share of that worker's time. */
  secondsPerSeed: number | null;
}

/** One run folder as a sample: what each of its finished seeds came to. */
export interface Sample {
  /** What the run is called beside the others. */
  label: string;
  arm: string;
  /** The folder's name. */
  run: string;
  /** What it is in a sweep; null for a run of its own. */
  cell: Run['cell'];
  seeds: SeedValues[];
}

/** A number of each seed of which a comparison tells the mean, its interval and its differences between arms. */
export interface Measure {
  key:
    | 'finalReward'
    | 'finalRewardLastThree'
    | 'predictionMse'
    | 'predictionMseStandardised'
    | 'rewardMse'
    | 'openLoopMse'
    | 'probeR2'
    | 'effectiveRank';
  name: string;
  /** What its columns begin with in CSV files. */
  column: string;
  unit: Unit;
  better: 'higher' | 'lower';
  /** Told only where so many of the compared runs that have finished seeds have it; unless said, always. */
  toldWhere?: 'some' | 'every';
}

export const measures: readonly Measure[] = [
  { key: 'finalReward', name: 'Final reward', column: 'final_reward', unit: 'reward', better: 'higher' },
  {
    key: 'finalRewardLastThree',
    name: 'Last three',
    column: 'final_reward_last_three',
    unit: 'reward',
    better: 'higher',
  },
  {
    key: 'predictionMse',
    name: 'Prediction error',
    column: 'prediction_mse',
    unit: 'error',
    better: 'lower',
  },
  {
    key: 'predictionMseStandardised',
    name: 'Standardised error',
    column: 'prediction_mse_standardised',
    unit: 'error',
    better: 'lower',
  },
  {
    key: 'rewardMse',
    name: 'Reward error',
    column: 'reward_mse',
    unit: 'error',
    better: 'lower',
    toldWhere: 'some',
  },
  {
    key: 'openLoopMse',
    name: 'Open loop, 15 steps',
    column: 'open_loop_mse_15',
    unit: 'error',
    better: 'lower',
    toldWhere: 'some',
  },
  {
    key: 'probeR2',
    name: 'Probe R²',
    column: 'probe_r2',
    unit: 'pure',
    better: 'higher',
    toldWhere: 'every',
  },
  {
    key: 'effectiveRank',
    name: 'Effective rank',
    column: 'effective_rank',
    unit: 'pure',
    better: 'higher',
    toldWhere: 'every',
  },
];

/** Each run as a sample, in the order given. Runs are never merged, even of one arm. */
export function samplesOf(runs: readonly Run[]): Sample[] {
  const labels = runLabels(runs);
  return runs.map(({ name, info, experiment, cell, seeds }, index) => ({
    label: labels[index]!,
    arm: printable(info.arm),
    run: printable(name),
    cell,
    seeds: seeds.map(({ seed, rows, done, worker }) => {
      const curve = summarise(rows, experiment.environment);
      return {
        seed,
        finalReward: curve.final_reward,
        finalRewardLastThree: curve.final_reward_last_three,
        predictionMse: curve.prediction_mse,
        predictionMseStandardised: curve.prediction_mse_standardised,
        rewardMse: rows.at(-1)?.reward_mse ?? null,
        openLoopMse: rows.at(-1)?.open_loop_mse_15 ?? null,
        probeR2: rows.at(-1)?.probe_r2 ?? null,
        effectiveRank: rows.at(-1)?.effective_rank ?? null,
        stepsTo400: curve.steps_to_400,
        firstCrossing400: curve.first_crossing_400,
        stepsToThreshold: curve.steps_to_threshold,
        firstCrossing: curve.first_crossing,
        wallSeconds: done.wallSeconds,
        seedsPerWorker: worker?.length ?? null,
        secondsPerSeed: worker && done.wallSeconds / worker.length,
      };
    }),
  }));
}

/** The measures that a comparison of these samples tells. */
export function measuresOf(samples: readonly Sample[]): Measure[] {
  const finished = samples.filter(({ seeds }) => seeds.length > 0);
  return measures.filter(({ key, toldWhere }) => {
    if (toldWhere === undefined) return true;
    const having = finished.filter((sample) => valuesOf(sample, key).length > 0).length;
    return having > 0 && (toldWhere === 'some' || having === finished.length);
  });
}

/** One number of each seed for which it is defined. */
export function valuesOf({ seeds }: Sample, key: keyof SeedValues): number[] {
  return seeds.map((seed) => seed[key]).filter((value) => value !== null);
}

/**
 * The seconds per seed of each worker process. The seeds of one worker train in step and end together: they are one
 * measurement of time, not several. Null where it is not known of every seed what it shared a worker with.
 */
export function secondsByWorker(seeds: readonly FinishedSeed[]): number[] | null {
  const byWorker = new Map<string, number[]>();
  for (const { worker, done } of seeds) {
    if (worker === null) return null;
    byWorker.set(`${worker}`, [...(byWorker.get(`${worker}`) ?? []), done.wallSeconds / worker.length]);
  }
  return [...byWorker.values()].map((seconds) => mean(seconds)!);
}

/** What every bootstrap interval of a comparison is drawn from. */
export const resamples = new Resamples(() => RandomStream.named(0, 'bootstrap'));

/** What each run is called: its arm, or its swept values; with the folder where another run is called the same. */
export function runLabels(runs: readonly Pick<Run, 'dir' | 'name' | 'info' | 'cell'>[]): string[] {
  const titles = runs.map(({ info, cell }) => (cell ? settingsTitle(cell.settings) : armTitle(info.arm)));
  const names = runs.map(({ name }) => name);
  const [sharedNames, sharedTitles] = [repeated(names), repeated(titles)];
  return runs.map(({ dir, name }, index) => {
    const title = titles[index]!;
    const folder = sharedNames.has(name) ? dir : name;
    return printable(sharedTitles.has(title) ? `${title} (${folder})` : title);
  });
}

/** The values that stand more than once. */
function repeated(values: readonly string[]): Set<string> {
  const seen = new Set<string>();
  return new Set(values.filter((value) => seen.size === seen.add(value).size));
}

/** `lambda = 0.1, horizon = 5`; a cell's own config by its name alone, `dreamer-v3, horizon = 5`; nothing of keys it lacks */
export function settingsTitle(settings: CellSettings): string {
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => (key === CONFIG ? String(value) : `${key} = ${listed(value) ?? shown(value)}`))
    .join(', ');
}

/** A list of words as YAML has it, `[reward, value]`; nothing of anything else. */
const listed = (value: unknown): string | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? inline(value) : undefined;

/** How the authors of a method spell it; a longer name stands before a shorter one that it begins with. */
const spellings: readonly (readonly [arm: string, title: string])[] = [
  ['deep-dyna', 'Deep Dyna'],
  ['dqn', 'DQN'],
  ['dreamer4', 'Dreamer 4'],
  ['dyna-q-plus', 'Dyna-Q+'],
  ['dyna-q', 'Dyna-Q'],
  ['efficientzero', 'EfficientZero'],
  ['gumbel-muzero', 'Gumbel MuZero'],
  ['ha-schmidhuber', 'Ha and Schmidhuber'],
  ['mbpo', 'MBPO'],
  ['muzero', 'MuZero'],
  ['pets', 'PETS'],
  ['planet', 'PlaNet'],
  ['ppo', 'PPO'],
  ['q-learning', 'Q-learning'],
  ['sac', 'SAC'],
  ['simple', 'SimPLe'],
  ['tdmpc-v1', 'TD-MPC'],
  ['tdmpc-v2', 'TD-MPC2'],
];

/** `dream-critic` -> `Dream critic`, `tdmpc-v2-unshaped` -> `TD-MPC2 unshaped`. */
export function armTitle(arm: string): string {
  const spelt = spellings.find(([name]) => arm === name || arm.startsWith(`${name}-`));
  const [name, title] = spelt ?? [arm.slice(0, 1), arm.slice(0, 1).toUpperCase()];
  return title + arm.slice(name.length).replaceAll('-', ' ');
}
