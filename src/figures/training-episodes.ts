import type { FinishedSeed } from '../runs/read.ts';
import type { Arm } from './series.ts';

/** Points of a curve over a run's steps. */
const POINTS = 60;

/** How many episodes every seed that logs them has finished: beyond, a mean would be over the quick ones alone. */
export function commonEpisodes(arms: readonly Arm[]): number {
  const counts = arms.flatMap(({ seeds }) => seeds.flatMap(({ episodes }) => episodes?.length ?? []));
  return Math.min(...counts);
}

/** The steps of each of the first `most` episodes of training. */
export function episodeLengths(most: number) {
  return ({ episodes = [] }: FinishedSeed) =>
    episodes.slice(0, most).map((row) => ({ x: row.episode!, y: row.length }));
}

/** The summed returns of the episodes that have ended by some environment steps, evenly apart up to the last. */
export function cumulativeReward({ episodes, done }: FinishedSeed): { x: number; y: number }[] {
  if (!episodes) return [];
  const points: { x: number; y: number }[] = [];
  let sum = 0;
  let at = 0;
  for (let i = 0; i <= POINTS; i++) {
    const x = Math.round((done.steps * i) / POINTS);
    for (; at < episodes.length && episodes[at]!.env_step! <= x; at++) sum += episodes[at]!.return!;
    points.push({ x, y: sum });
  }
  return points;
}
