import { bootstrapInterval } from '../bootstrap.ts';
import { resamples } from '../compare/samples.ts';
import type { FinishedSeed } from '../runs/read.ts';
import { mean } from '../statistics.ts';

/** A run as figures draw it: its finished seeds, under the label that Table 1 has for it. */
export interface Arm {
  label: string;
  seeds: readonly FinishedSeed[];
  /** What its panel of the learning curves says under the label. */
  note?: string;
}

/** One seed's value y at x, in the figure's units. */
export interface SeedPoint {
  [field: string]: string | number;
  arm: string;
  seed: number;
  x: number;
  y: number;
}

/** The mean over seeds and its bootstrap 95 % interval, which is that mean alone for one seed. */
export interface MeanOverSeeds {
  mean: number;
  low: number;
  high: number;
  /** Number of seeds behind it. */
  seeds: number;
}

/** The mean over an arm's seeds at x. */
export interface MeanPoint extends MeanOverSeeds {
  [field: string]: string | number;
  arm: string;
  x: number;
}

/** What a figure draws: the points of all arms, an arm's together, in the arms' order. */
export interface Series {
  /** Labels of the arms that have a point. */
  arms: string[];
  seeds: SeedPoint[];
  means: MeanPoint[];
}

/**
 * The points of a figure and, at each x, their mean over the seeds that have one there. Points whose y cannot be drawn
 * are left out: what is not finite, and on a logarithmic axis what is not positive.
 *
 * @param read the points of one seed, in the order of x; null where there is no number
 */
export function series<Seed extends { seed: number }>(
  arms: readonly { label: string; seeds: readonly Seed[] }[],
  { logarithmic }: { logarithmic: boolean },
  read: (seed: Seed) => readonly { x: number; y: number | null | undefined }[],
): Series {
  const drawable = (y: number | null | undefined): y is number =>
    Number.isFinite(y) && (!logarithmic || y! > 0);
  const byArm = arms.map(({ label, seeds }) => {
    const points = seeds.flatMap((seed) =>
      read(seed).flatMap(({ x, y }) => (drawable(y) ? [{ arm: label, seed: seed.seed, x, y }] : [])),
    );
    return { label, points, means: meanPoints(label, points) };
  });
  return {
    arms: byArm.filter(({ points }) => points.length > 0).map(({ label }) => label),
    seeds: byArm.flatMap(({ points }) => points.map((point) => ({ ...point, y: rounded(point.y) }))),
    means: byArm.flatMap(({ means }) => means),
  };
}

function meanPoints(arm: string, points: readonly SeedPoint[]): MeanPoint[] {
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  return xs.map((x) => {
    const values = points.filter((point) => point.x === x).map(({ y }) => y);
    const center = mean(values)!;
    const { low, high } = bootstrapInterval(values, resamples) ?? {
      low: center,
      high: center,
    };
    return {
      arm,
      x,
      mean: rounded(center),
      low: rounded(low),
      high: rounded(high),
      seeds: values.length,
    };
  });
}

/** `500 (interval 500 to 500, seeds: 5)`, each number to three significant digits. */
export function meanWords({ mean, low, high, seeds }: MeanOverSeeds, counted = 'seeds'): string {
  const short = (value: number) => Number(value.toPrecision(3));
  return `${short(mean)} (interval ${short(low)} to ${short(high)}, ${counted}: ${seeds})`;
}

/** Six significant digits: more than a picture shows, and a specification that a reader can read. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
