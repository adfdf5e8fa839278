import { formatMean } from '../compare/numbers.ts';
import { loadPlanner, type RequestedPlanner } from '../config/planner.ts';
import { elementNames } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { evaluateRun, type RunEvaluation, type SeedEvaluation } from '../experiment/evaluate-run.ts';
import type { PlannerName } from '../planning/names.ts';
import type { PlannerSettings } from '../planning/settings.ts';
import { EvaluationFiles, type PlannedEvaluation } from '../runs/evaluation-files.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import { estimate } from '../statistics.ts';
import { type Episode, returnStatistics } from '../training/evaluate.ts';
import { counted } from '../words.ts';
import { alignColumns } from './align.ts';
import { blamingVariable, requestedEngine } from './requested-engine.ts';

interface EvalOptions {
  episodes: number;
  engine?: string;
  out?: string;
  replace?: boolean;
  checkpoint: CheckpointChoice;
  planner?: PlannerName;
  set: string[];
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

/**
 * `wm eval`: prints what was measured, and writes eval.csv and episodes.csv into the run folder, or into `--out`.
 * Returns the exit code.
 */
export async function evalCommand(dir: string, options: EvalOptions): Promise<number> {
  const { episodes, checkpoint } = options;
  const requested = requestedPlanner(options);
  const planner = requested?.settings;
  const engine = requestedEngine(options.engine);
  const suffix = [checkpoint === 'best' && '-best', planner && `-${planner.name}`].filter(Boolean).join('');
  const files = new EvaluationFiles(options.out ?? dir, suffix);
  let keep = true;
  const evaluation = await blamingVariable(options.engine === undefined ? engine : undefined, () =>
    evaluateRun(dir, {
      checkpoint,
      episodes,
      engine,
      planner: requested,
      clock: () => performance.now(),
      begin: (seeds) => {
        const why = whyNotKept(files, { seeds, episodes }, options);
        if (why !== null) process.stderr.write(`${why}\n`);
        keep = why === null;
      },
    }),
  );
  if (evaluation.unmeasured !== null)
    process.stderr.write(`the model is not measured: ${evaluation.unmeasured}\n`);
  for (const { fallback } of evaluation.seeds) if (fallback) process.stderr.write(`${fallback}\n`);
  const { perSeed, perEpisode } = evaluationTables(evaluation, planner);
  const milliseconds = Number(evaluation.millisecondsPerAction.toPrecision(3));
  process.stdout.write(
    options.json
      ? asJson({ run: dir, checkpoint, ...(planner && { planner, milliseconds }) }, perSeed.rows)
      : asText(evaluation, perSeed.rows, episodes, planner && plannedBy(planner, milliseconds)),
  );
  if (keep) files.write(perSeed, perEpisode);
  return 0;
}

/** @throws UserError for a setting that no planner has, or where there is none to set. */
function requestedPlanner({ planner, set }: EvalOptions): RequestedPlanner | undefined {
  if (planner !== undefined) return loadPlanner(planner, set);
  if (set.length > 0)
    throw new UserError(`--set ${set[0]}: there is no planner to set, name one with --planner`);
  return undefined;
}

/**
 * Why an evaluation will be printed but not written, as a sentence to be said before it begins; null where it will be.
 *
 * @throws UserError when the folder that was asked for cannot be written.
 */
function whyNotKept(
  files: EvaluationFiles,
  planned: PlannedEvaluation,
  { out, replace }: EvalOptions,
): string | null {
  if (out !== undefined) files.make();
  const obstacle = files.obstacle();
  if (obstacle !== null) {
    if (out !== undefined)
      throw new UserError(`--out ${out}: cannot be written (${obstacle}); choose another`);
    return `${files.dir} cannot be written (${obstacle}): what is measured is only printed; --out DIR writes it elsewhere`;
  }
  const lost = replace ? null : files.worthMore(planned);
  return (
    lost &&
    `${lost} and stays: what is measured is only printed; --replace replaces it, --out DIR writes elsewhere`
  );
}

/** One row of eval.csv. */
type EvalRow = ReturnType<typeof evalRow>;

function evalRow({ seed, step, episodes, diagnosis }: SeedEvaluation) {
  return { seed, env_step: step, episodes: episodes.length, ...returnStatistics(episodes), ...diagnosis };
}

/** Why an episode ended, in one word. */
function endingOf({ entry }: SeedEvaluation, { terminated, lastObservation }: Episode): string {
  return terminated ? entry.terminationCause(lastObservation) : 'limit';
}

/** The planner's settings as columns of eval.csv. */
function plannerColumns({ name: _, ...settings }: PlannerSettings): Record<string, number | string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `planner_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      typeof value === 'boolean' ? Number(value) : value,
    ]),
  );
}

/** The tables of eval.csv and episodes.csv. */
function evaluationTables(evaluation: RunEvaluation, planner: PlannerSettings | undefined) {
  const { diagnostics, seeds } = evaluation;
  const lastColumns = elementNames(seeds[0]!.entry).map((name) => `last_${name}`);
  const episodes = seeds.flatMap((own) =>
    own.episodes.map((episode, index) => ({
      ...{ seed: own.seed, episode: index, return: episode.return, length: episode.length },
      ...{ terminated: Number(episode.terminated), truncated: Number(episode.truncated) },
      ending: endingOf(own, episode),
      ...Object.fromEntries(lastColumns.map((column, i) => [column, episode.lastObservation[i]!])),
    })),
  );
  const planned = planner ? plannerColumns(planner) : {};
  return {
    perSeed: {
      columns: [...EVAL_COLUMNS, ...diagnostics, ...Object.keys(planned)],
      rows: seeds.map((seed) => ({ ...evalRow(seed), ...planned })),
    },
    perEpisode: { columns: [...EPISODE_COLUMNS, ...lastColumns], rows: episodes },
  };
}

const rewardOf = (rows: readonly EvalRow[]) => estimate(rows.map(({ reward_mean }) => reward_mean));

/** What was played, for `--json`. */
interface Played {
  run: string;
  checkpoint: CheckpointChoice;
  planner?: PlannerSettings;
  /** Per decision and environment, of those that are played at once. */
  milliseconds?: number;
}

function asJson(played: Played, rows: readonly EvalRow[]): string {
  return `${JSON.stringify({ ...played, reward: rewardOf(rows), seeds: rows })}\n`;
}

function asText(evaluation: RunEvaluation, rows: readonly EvalRow[], episodes: number, planned = ''): string {
  const { diagnostics, seeds } = evaluation;
  const lines = rows.map((row, i) => [
    String(row.seed),
    String(row.env_step),
    formatMean('reward', { mean: row.reward_mean, std: row.reward_std }),
    String(row.reward_min),
    String(row.reward_max),
    counts(seeds[i]!.episodes.map((episode) => endingOf(seeds[i]!, episode))),
  ]);
  return [
    alignColumns([['seed', 'step', 'reward', 'min', 'max', 'ended by'], ...lines]),
    `mean over ${counted(rows.length, 'seed')}: ${formatMean('reward', rewardOf(rows))} (${episodes} greedy episodes each)\n`,
    planned,
    errorsOf(diagnostics).some((columns) =>
      columns.slice(1).some((column) => seeds.some(({ diagnosis }) => (diagnosis[column!] ?? null) !== null)),
    )
      ? alignColumns(modelErrors(seeds, diagnostics))
      : '',
  ].join('');
}

/** `planned by cem: horizon 12, candidates 200, …; 0.4 ms per action` */
function plannedBy({ name, ...settings }: PlannerSettings, milliseconds: number): string {
  const words = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  return `planned by ${name}: ${words.join(', ')}; ${milliseconds} ms per action\n`;
}

/** What a model's predictions miss by, and its columns in raw and in standardised units. */
type ModelError = readonly [name: string, raw: string | undefined, standardised?: string];

/** Those of the models that decode observations; docs/metrics.md. */
const MODEL_ERRORS: readonly ModelError[] = [
  ['held-out set', 'prediction_mse', 'prediction_mse_standardised'],
  ['own episodes', 'prediction_mse_own', 'prediction_mse_own_standardised'],
  ['open loop, 1 step', 'open_loop_mse_1'],
  ['open loop, 5 steps', 'open_loop_mse_5'],
  ['open loop, 15 steps', 'open_loop_mse_15'],
];

/** The same of models that decode nothing: rewards and values in the environment's units, features over their variance. */
const LATENT_ERRORS: readonly ModelError[] = [
  ['reward, held-out set', 'reward_mse'],
  ['reward, own episodes', 'reward_mse_own'],
  ['features, 1 step', undefined, 'consistency_1'],
  ['features, 5 steps', undefined, 'consistency_5'],
  ['features, 15 steps', undefined, 'consistency_15'],
  ['rewards and value, 1 step', 'value_equivalence_1'],
  ['rewards and value, 5 steps', 'value_equivalence_5'],
  ['rewards and value, 15 steps', 'value_equivalence_15'],
];

/** The same of Dreamer 4, each frame sampled in k steps from noise. */
const frameErrors = (k: number): ModelError[] => [
  [`open loop, 1 step, k ${k}`, undefined, `open_loop_1_k${k}`],
  [`open loop, 5 steps, k ${k}`, undefined, `open_loop_5_k${k}`],
  [`open loop, 15 steps, k ${k}`, undefined, `open_loop_15_k${k}`],
];

/** Those of a model, by what it is measured in; of several k the largest. */
function errorsOf(diagnostics: readonly string[]): readonly ModelError[] {
  if (diagnostics.includes('prediction_mse')) return MODEL_ERRORS;
  const ks = diagnostics.flatMap((column) => /^open_loop_1_k(\d+)$/.exec(column)?.[1] ?? []);
  return ks.length > 0 ? frameErrors(Math.max(...ks.map(Number))) : LATENT_ERRORS;
}

/** The models' errors as a table: mean ± standard deviation over seeds. */
function modelErrors(seeds: readonly SeedEvaluation[], diagnostics: readonly string[]): string[][] {
  const errors = errorsOf(diagnostics);
  const overSeeds = (column: string | undefined) =>
    column === undefined
      ? ''
      : formatMean('error', estimate(seeds.flatMap(({ diagnosis }) => diagnosis[column] ?? [])));
  return [
    ["model's error", 'raw units', 'standardised'],
    ...errors.map(([name, raw, standardised]) => [name, overSeeds(raw), overSeeds(standardised)]),
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
