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
 * A column's mean over seeds, its least and its greatest, at every environment step at which a seed has a row.
 *
 * @param axis the column on the horizontal axis; for another than `env_step` the seeds' mean at that step
 * @param smoothing rows of each seed that a value is the mean of, itself the last
 */
export function overSeeds(
  seeds: readonly SeedCurves[],
  column: string,
  axis: string,
  smoothing: number,
): Curve {
  const atStep = new Map<number, { x: number[]; y: number[] }>();
  for (const { columns } of seeds) {
    const xs = columns[axis] ?? [];
    const ys = smoothed(columns[column] ?? [], smoothing);
    for (const [i, step] of (columns.env_step ?? []).entries()) {
      const x = xs[i];
      const y = ys[i];
      if (step === null || x == null || y == null) continue;
      const there = atStep.get(step) ?? { x: [], y: [] };
      there.x.push(x);
      there.y.push(y);
      atStep.set(step, there);
    }
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

/** The mean of the last `rows` values that are there, at each; null where there is none. */
function smoothed(values: readonly (number | null)[], rows: number): readonly (number | null)[] {
  if (rows <= 1) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    const last = values.slice(Math.max(0, i + 1 - rows), i + 1).filter((each) => each !== null);
    return mean(last);
  });
}
