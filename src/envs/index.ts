import { UserError } from '../errors.ts';
import { balance, CartPole, terminationCause } from './cartpole.ts';
import type { Action, Environment } from './environment.ts';
import { TimeLimit } from './time-limit.ts';

/** The mean return from which a task counts as solved. */
export interface Threshold {
  reward: number;
  /** Where that number stands. */
  source: string;
}

/** An environment as experiments know it. */
export interface EnvironmentEntry {
  make(): Environment;
  /** What each element of an observation is, in order: parts of column names. */
  observationNames: readonly string[];
  /** s: what observations are divided by before a model sees them, one number per element. */
  observationScale: readonly number[];
  /** Least and largest reward of a step. */
  rewardRange: readonly [number, number];
  /** What counts as solved. */
  threshold: Threshold;
  /** A hand-written policy that does well: with ε of its actions random, it makes the held-out set. */
  controller(observation: ArrayLike<number>): Action;
  /** In one word, why an episode terminated in this observation. */
  terminationCause(observation: ArrayLike<number>): string;
}

/** The registry: one line per environment. */
const environments = new Map<string, EnvironmentEntry>([
  [
    'CartPole-v1',
    {
      make: () => new TimeLimit(new CartPole(), 500),
      observationNames: ['x', 'x_dot', 'theta', 'theta_dot'],
      observationScale: [1, 1, 0.1, 1],
      rewardRange: [1, 1],
      threshold: { reward: 475, source: "Gymnasium 1.3.0's reward_threshold" },
      controller: balance,
      terminationCause,
    },
  ],
]);

/** The names that a config may give. */
export const environmentNames = [...environments.keys()] as [string, ...string[]];

/** The environment of that name. Throws a UserError that lists the names if there is none. */
export function environmentEntry(name: string): EnvironmentEntry {
  const entry = environments.get(name);
  if (!entry) throw new UserError(`unknown environment "${name}": use ${environmentNames.join(', ')}`);
  return entry;
}
