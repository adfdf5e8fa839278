import { mean } from '../../statistics.ts';
import type { SeedCurves } from '../../watch/protocol.ts';

/** What is drawn of one run, or of one seed of it: x ascending. */
export interface Curve {
  x: number[];
  /** Over the seeds that have a number at x. */
  mean: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

/**
 * A column's mean over seeds, its least and its greatest, at every environment step, or update, at which a seed has a row.
 * Of rows of a seed that stand at one, as those of a method of phases do at a step, their mean counts as its value.
 *
 * @param axis the column on the horizontal axis; of `update` rows meet there, of another than `env_step` it is the seeds'
 *   mean at that step
 * @param smoothing rows of each seed that a value is the mean of, itself the last
 */
export function overSeeds(
  seeds: readonly SeedCurves[],
  column: string,
  axis: string,
  smoothing: number,
): Curve {
  const atStep: Points = new Map();
  for (const { columns } of seeds) {
    const steps = columns[axis === 'update' ? axis : 'env_step'] ?? [];
    const own = pointsByStep(steps, columns[axis] ?? [], smoothed(columns[column] ?? [], smoothing));
    for (const [step, { x, y }] of own) addPoint(atStep, step, mean(x)!, mean(y)!);
  }
  const points = [...atStep.values()]
    .map(({ x, y }) => ({ x: mean(x)!, mean: mean(y)!, low: Math.min(...y), high: Math.max(...y) }))
    .sort((a, b) => a.x - b.x);
  return {
    x: points.map(({ x }) => x),
    mean: points.map((point) => point.mean),
    low: points.map(({ low }) => low),
    high: points.map(({ high }) => high),
  };
}

type Values = readonly (number | null)[];

type Points = Map<number, { x: number[]; y: number[] }>;

function addPoint(points: Points, step: number, x: number, y: number): void {
  const there = points.get(step) ?? { x: [], y: [] };
  there.x.push(x);
  there.y.push(y);
  points.set(step, there);
}

/** Where a seed has numbers, and which, by step. */
function pointsByStep(steps: Values, xs: Values, ys: Values): Points {
  const points: Points = new Map();
  for (const [i, step] of steps.entries()) {
    const x = xs[i];
    const y = ys[i];
    if (step !== null && x != null && y != null) addPoint(points, step, x, y);
  }
  return points;
}

/** The mean of the last `rows` values that are there, at each; null where there is none. */
function smoothed(values: Values, rows: number): Values {
  if (rows <= 1) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    const last = values.slice(Math.max(0, i + 1 - rows), i + 1).filter((each) => each !== null);
    return mean(last);
  });
}
