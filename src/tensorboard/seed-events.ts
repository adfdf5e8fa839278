import type { Row } from '../training/events.ts';
import type { StepEvent } from './event-file.ts';
import type { Picture } from './picture.ts';

/** The beginning of a sitting in which a seed trained. */
export interface SeedSitting {
  /** Seconds since 1970. */
  time: number;
  /** The environment step that the seed went on from. */
  step: number;
}

/** What is known of a seed's training. */
export interface SeedLog {
  /** The rows of metrics.csv and losses.csv, in the order of their steps. */
  metrics: readonly Row[];
  losses: readonly Row[];
  pictures: readonly { step: number; picture: Picture }[];
  /** The first one first; at least one. */
  sittings: readonly SeedSitting[];
}

/** Columns that say where a row belongs rather than what was measured. */
const PLACE = new Set(['seed', 'env_step']);

/**
 * A seed's training as events, those of each sitting apart: scalars `metrics/COLUMN` and `losses/COLUMN`, pictures `media`.
 *
 * @returns the sittings that have events, in their order
 */
export function eventsBySitting(log: SeedLog): { began: number; events: StepEvent[] }[] {
  const steps = new Map<number, { scalars: Map<string, number>; pictures: Map<string, Picture> }>();
  const at = (step: number) => {
    const known = steps.get(step) ?? { scalars: new Map(), pictures: new Map() };
    steps.set(step, known);
    return known;
  };
  for (const [file, rows] of [
    ['metrics', log.metrics],
    ['losses', log.losses],
  ] as const) {
    for (const row of rows) {
      const { scalars } = at(row.env_step!);
      for (const [column, value] of Object.entries(row)) {
        if (value !== null && !PLACE.has(column)) scalars.set(`${file}/${column}`, value);
      }
    }
  }
  for (const { step, picture } of log.pictures) at(step).pictures.set('media', picture);

  const clock = trainingClock(log.metrics);
  const events = log.sittings.map((): StepEvent[] => []);
  for (const [step, values] of [...steps].sort(([a], [b]) => a - b)) {
    // What a sitting made after the checkpoint that a later one began at was made again there.
    const index = Math.max(
      0,
      log.sittings.findLastIndex((sitting) => sitting.step < step),
    );
    const sitting = log.sittings[index]!;
    const wallTime = sitting.time + Math.max(0, clock(step) - clock(sitting.step));
    events[index]!.push({ wallTime, step, ...values });
  }
  return log.sittings
    .map(({ time }, index) => ({ began: time, events: events[index]! }))
    .filter(({ events }) => events.length > 0);
}

/** Seconds of training by environment step: those of the evaluations, and evenly in between. */
function trainingClock(metrics: readonly Row[]): (step: number) => number {
  const known = metrics.flatMap(({ env_step, wall_seconds }) =>
    typeof wall_seconds === 'number' ? [{ step: env_step!, seconds: wall_seconds }] : [],
  );
  const points = [{ step: 0, seconds: 0 }, ...known];
  return (step) => {
    const next = points.findIndex((point) => point.step >= step);
    if (next < 0) return points.at(-1)!.seconds;
    const [before, after] = [points[Math.max(0, next - 1)]!, points[next]!];
    const share = after.step > before.step ? (step - before.step) / (after.step - before.step) : 1;
    return before.seconds + share * (after.seconds - before.seconds);
  };
}
