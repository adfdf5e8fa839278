import { environmentEntry } from './index.ts';

/** What a return of a task is measured by: 0 at `low`, 1 at `high`. Fixed, never taken from the runs that are compared. */
export interface ScoreBounds {
  /** What random actions get. */
  low: number;
  /** What counts as solved. */
  high: number;
  /** Where the two stand. */
  source: string;
}

/** Mean returns of uniformly random actions, drawn anew at every step, over 100 to 3,000 episodes; a test plays fewer. */
const randomReturns = new Map<string, number>([
  ['CartPole-v1', 22],
  ['Acrobot-v1', -499],
  ['MountainCar-v0', -200],
  ['MountainCarContinuous-v0', -32],
  ['Pendulum-v1', -1226],
  ['MinAtar/Breakout-v0', 0.5],
  ['MinAtar/Freeway-v0', 0.1],
  ['MinAtar/Asterix-v0', 0.5],
  ['MinAtar/Seaquest-v0', 0.1],
  ['MinAtar/SpaceInvaders-v0', 2.9],
]);

/** The bounds of an environment's returns; undefined where it has none. */
export function scoreBounds(environment: string): ScoreBounds | undefined {
  const low = randomReturns.get(environment);
  if (low === undefined) return undefined;
  const { reward, source } = environmentEntry(environment).threshold;
  return { low, high: reward, source: `0: random actions; 1: ${source}` };
}

/** A return as a score, (return − low) / (high − low): below 0 and above 1 too. */
export const normalisedScore = (reward: number, { low, high }: ScoreBounds): number =>
  (reward - low) / (high - low);
