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

/** What rows are placed by: environment steps, or updates where several rows share a step. */
type Place = 'env_step' | 'update';

/**
 * A seed's training as events, those of each sitting apart: scalars `metrics/COLUMN` and `losses/COLUMN`, pictures `media`.
 * A method of phases makes many updates while the environment stands still: its losses are placed by their updates.
 *
 * @returns the sittings that have events, in their order
 */
export function eventsBySitting(log: SeedLog): { began: number; events: StepEvent[] }[] {
  const ofLosses = sharesSteps(log.losses) ? 'update' : 'env_step';
  const byStep = new Placed(log, 'env_step');
  const byUpdate = ofLosses === 'update' ? new Placed(log, 'update') : byStep;
  byStep.addRows('metrics', log.metrics);
  byUpdate.addRows('losses', log.losses);
  for (const { step, picture } of log.pictures) byStep.at(step).pictures.set('media', picture);

  const events = [...new Set([byStep, byUpdate])].map((placed) => placed.bySitting());
  return log.sittings
    .map(({ time }, index) => ({
      began: time,
      events: events.flatMap((each) => each[index]!).sort((a, b) => a.wallTime - b.wallTime),
    }))
    .filter(({ events }) => events.length > 0);
}

/** Whether rows that have updates stand at one environment step. */
const sharesSteps = (rows: readonly Row[]) =>
  new Set(rows.map(({ env_step }) => env_step)).size < rows.length &&
  rows.every(({ update }) => typeof update === 'number');

/** What was measured, by where it stands. */
class Placed {
  readonly #log: SeedLog;
  readonly #place: Place;
  readonly #steps = new Map<number, { scalars: Map<string, number>; pictures: Map<string, Picture> }>();

  constructor(log: SeedLog, place: Place) {
    this.#log = log;
    this.#place = place;
  }

  at(step: number) {
    const known = this.#steps.get(step) ?? { scalars: new Map(), pictures: new Map() };
    this.#steps.set(step, known);
    return known;
  }

  addRows(file: string, rows: readonly Row[]): void {
    for (const row of rows) {
      const { scalars } = this.at(row[this.#place]!);
      for (const [column, value] of Object.entries(row)) {
        if (value !== null && !PLACE.has(column)) scalars.set(`${file}/${column}`, value);
      }
    }
  }

  /** The events of each sitting, in the order of their steps. */
  bySitting(): StepEvent[][] {
    const { metrics, sittings } = this.#log;
    const clock = trainingClock(metrics, this.#place);
    const starts = sittings.map(({ step }) => this.#startOf(step));
    const events = sittings.map((): StepEvent[] => []);
    for (const [step, values] of [...this.#steps].sort(([a], [b]) => a - b)) {
      // What a sitting made after the checkpoint that a later one began at was made again there.
      const index = Math.max(
        0,
        starts.findLastIndex((start) => start < step),
      );
      const wallTime = sittings[index]!.time + Math.max(0, clock(step) - clock(starts[index]!));
      events[index]!.push({ wallTime, step, ...values });
    }
    return events;
  }

  /** Where a sitting begins that went on from an environment step: checkpoints come with evaluations. */
  #startOf(step: number): number {
    if (this.#place === 'env_step') return step;
    return this.#log.metrics.findLast(({ env_step }) => env_step! <= step)?.update ?? 0;
  }
}

/** Seconds of training by place: those of the evaluations, and evenly in between. */
function trainingClock(metrics: readonly Row[], place: Place): (step: number) => number {
  const known = metrics.flatMap(({ wall_seconds, [place]: step }) =>
    typeof wall_seconds === 'number' && typeof step === 'number' ? [{ step, seconds: wall_seconds }] : [],
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
