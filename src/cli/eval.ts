import path from 'node:path';
import { formatMean } from '../compare/numbers.ts';
import { evaluateRun, type SeedEvaluation } from '../experiment/evaluate-run.ts';
import { writeCsv } from '../runs/csv.ts';
import { estimate, formatEstimate } from '../statistics.ts';
import { type Episode, returnStatistics } from '../training/evaluate.ts';
import { alignColumns } from './align.ts';
import { requestedEngine } from './requested-engine.ts';

interface EvalOptions {
  episodes: number;
  engine?: string;
  json?: boolean;
}

const EVAL_COLUMNS = [
  'seed',
  'env_step',
  'episodes',
  'reward_mean',
  'reward_std',
  'reward_min',
  'reward_max',
];
const EPISODE_COLUMNS = ['seed', 'episode', 'return', 'length', 'terminated', 'truncated', 'ending'];

/** `wm eval`: writes eval.csv and episodes.csv into the run folder. Returns the exit code. */
export async function evalCommand(dir: string, options: EvalOptions): Promise<number> {
  const engine = requestedEngine(options.engine ?? (process.env.WM_ENGINE || 'auto'));
  const { entry, diagnostics, seeds } = await evaluateRun(dir, options.episodes, engine);
  for (const { fallback } of seeds) if (fallback) process.stderr.write(`${fallback}\n`);
  const ending = ({ terminated, lastObservation }: Episode) =>
    terminated ? entry.terminationCause(lastObservation) : 'limit';
  const lastColumns = entry.observationNames.map((name) => `last_${name}`);
  const rows = seeds.map(({ seed, step, episodes, diagnosis }) => ({
    seed,
    env_step: step,
    episodes: episodes.length,
    ...returnStatistics(episodes),
    ...diagnosis,
  }));
  writeCsv(path.join(dir, 'eval.csv'), [...EVAL_COLUMNS, ...diagnostics], rows);
  writeCsv(
    path.join(dir, 'episodes.csv'),
    [...EPISODE_COLUMNS, ...lastColumns],
    seeds.flatMap(({ seed, episodes }) =>
      episodes.map((episode, index) => ({
        ...{ seed, episode: index, return: episode.return, length: episode.length },
        ...{ terminated: Number(episode.terminated), truncated: Number(episode.truncated) },
        ending: ending(episode),
        ...Object.fromEntries(lastColumns.map((column, i) => [column, episode.lastObservation[i]!])),
      })),
    ),
  );
  const reward = estimate(rows.map(({ reward_mean }) => reward_mean));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ run: dir, reward, seeds: rows })}\n`);
    return 0;
  }
  const lines = rows.map((row, i) => [
    String(row.seed),
    String(row.env_step),
    formatEstimate({ mean: row.reward_mean, std: row.reward_std }, 1),
    String(row.reward_min),
    String(row.reward_max),
    counts(seeds[i]!.episodes.map(ending)),
  ]);
  process.stdout.write(alignColumns([['seed', 'step', 'reward', 'min', 'max', 'ended by'], ...lines]));
  process.stdout.write(
    `mean over ${rows.length} seed${rows.length === 1 ? '' : 's'}: ${formatEstimate(reward, 1)} (${options.episodes} greedy episodes each)\n`,
  );
  if (diagnostics.length > 0) process.stdout.write(alignColumns(modelErrors(seeds)));
  return 0;
}

/** What the models' predictions miss by, and its column in raw and in standardised units; docs/metrics.md. */
const MODEL_ERRORS = [
  ['held-out set', 'prediction_mse', 'prediction_mse_standardised'],
  ['own episodes', 'prediction_mse_own', 'prediction_mse_own_standardised'],
  ['open loop, 1 step', 'open_loop_mse_1'],
  ['open loop, 5 steps', 'open_loop_mse_5'],
  ['open loop, 15 steps', 'open_loop_mse_15'],
] as const;

/** The models' errors as a table: mean ± standard deviation over seeds. */
function modelErrors(seeds: readonly SeedEvaluation[]): string[][] {
  const overSeeds = (column: string | undefined) =>
    column === undefined
      ? ''
      : formatMean('error', estimate(seeds.flatMap(({ diagnosis }) => diagnosis[column] ?? [])));
  return [
    ["model's error", 'raw units', 'standardised'],
    ...MODEL_ERRORS.map(([name, raw, standardised]) => [name, overSeeds(raw), overSeeds(standardised)]),
  ];
}

/** `["limit", "track", "limit"]` -> `limit 2, track 1`, the most frequent first. */
function counts(words: readonly string[]): string {
  const numbers = new Map<string, number>();
  for (const word of words) numbers.set(word, (numbers.get(word) ?? 0) + 1);
  return [...numbers]
    .sort(([, a], [, b]) => b - a)
    .map(([word, number]) => `${word} ${number}`)
    .join(', ');
}
