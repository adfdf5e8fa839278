import { environmentEntry } from '../envs/index.ts';
import { mean } from '../statistics.ts';
import type { Row } from '../training/events.ts';

/** The columns of summary.csv, one row per finished seed. */
export const summaryColumns = [
  'method',
  'seed',
  'env_steps',
  'updates',
  'final_reward',
  'final_reward_std',
  'final_reward_last_three',
  'prediction_mse',
  'prediction_mse_standardised',
  'steps_to_400',
  'first_crossing_400',
  'steps_to_threshold',
  'first_crossing',
  'wall_seconds',
  'engine',
  'device',
] as const;

/** What one learning curve comes to; null where it is not defined. */
export interface CurveSummary {
  /** Mean and standard deviation of the episode rewards of the last evaluation. */
  final_reward: number | null;
  final_reward_std: number | null;
  /** Mean of `reward_mean` over the last three evaluations (over all, where there are fewer). */
  final_reward_last_three: number | null;
  /** One-step prediction error at the last evaluation, in the observation's units and standardised. */
  prediction_mse: number | null;
  prediction_mse_standardised: number | null;
  /** On CartPole-v1: environment step of the first evaluation from which on every one, to the end, is at least 400. */
  steps_to_400: number | null;
  /** On CartPole-v1: environment step of the first evaluation of at least 400, whatever came later. */
  first_crossing_400: number | null;
  /** The same two of the reward that counts as having solved the environment. */
  steps_to_threshold: number | null;
  first_crossing: number | null;
}

/** The reward that the paper counts as having learnt its environment, of at most 500. */
export const PAPER_THRESHOLD = { environment: 'CartPole-v1', reward: 400 };

/**
 * Sums up the learning curve of one seed: the rows of its metrics.csv in the order of their steps.
 *
 * @param environment its name, which says what threshold the rewards are held against
 */
export function summarise(rows: readonly Row[], environment: string): CurveSummary {
  const last = rows.at(-1);
  const asInPaper = environment === PAPER_THRESHOLD.environment;
  const paper = crossings(rows, asInPaper ? PAPER_THRESHOLD.reward : Number.POSITIVE_INFINITY);
  const own = crossings(rows, environmentEntry(environment).threshold.reward);
  return {
    final_reward: last?.reward_mean ?? null,
    final_reward_std: last?.reward_std ?? null,
    final_reward_last_three: mean(rows.slice(-3).flatMap((row) => row.reward_mean ?? [])),
    prediction_mse: last?.prediction_mse ?? null,
    prediction_mse_standardised: last?.prediction_mse_standardised ?? null,
    steps_to_400: paper.sustained,
    first_crossing_400: paper.first,
    steps_to_threshold: own.sustained,
    first_crossing: own.first,
  };
}

/** The environment steps at which the reward is at the threshold for good, and for the first time; null where never. */
function crossings(
  rows: readonly Row[],
  threshold: number,
): { sustained: number | null; first: number | null } {
  const reaches = rows.map((row) => (row.reward_mean ?? Number.NEGATIVE_INFINITY) >= threshold);
  const stepAt = (index: number) => rows[index]?.env_step ?? null;
  return { sustained: stepAt(reaches.lastIndexOf(false) + 1), first: stepAt(reaches.indexOf(true)) };
}
