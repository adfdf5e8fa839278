import type { Row } from '../events.ts';
import { roundRow } from '../round-row.ts';
import type { NamedArray } from '../state.ts';
import { type ActedStep, STEP_AFTER_OUTAGE, STEP_OPENS_SITTING } from './acted-step.ts';

/** Columns of metrics.csv of a run in real time, each over the steps since the row before. */
export const realTimeColumns = [
  'steps_per_second',
  'late_actions',
  'response_ms_mean',
  'response_ms_max',
  'outage_seconds',
  'policy_age_steps_mean',
  'policy_age_steps_max',
  'updates_per_second',
] as const;

/** What is kept between two rows, in the order in which it is saved. */
const KEPT = [
  'lastTime',
  'seconds',
  'outage',
  'intervals',
  'late',
  'answers',
  'response',
  'slowest',
  'aged',
  'age',
  'oldest',
  'updates',
] as const;

/** Counts what a run in real time has kept to: a function of the recorded steps, and of which update came after which. */
export class RealTimeTally {
  readonly #rate: number | undefined;
  #kept = zeros();

  /** @param rate of the environment's clock; undefined: it waits for every action */
  constructor(rate: number | undefined) {
    this.#rate = rate;
  }

  /** @param index of the step, from 0 */
  add({ time, before, late, response, random, policy }: ActedStep, index: number): void {
    const kept = this.#kept;
    if (before !== STEP_OPENS_SITTING && index > 0) {
      const passed = time - kept.lastTime;
      kept.seconds += passed;
      kept.intervals++;
      if (before === STEP_AFTER_OUTAGE) kept.outage += passed;
    }
    kept.lastTime = time;
    if (late) {
      kept.late++;
      return;
    }
    kept.answers++;
    kept.response += response;
    kept.slowest = Math.max(kept.slowest, response);
    if (random) return;
    const age = index - policy.step;
    kept.aged++;
    kept.age += age;
    kept.oldest = Math.max(kept.oldest, age);
  }

  countUpdate(): void {
    this.#kept.updates++;
  }

  /** The row of what has been counted; counts anew. */
  drain(): Row {
    const kept = this.#kept;
    const { seconds, outage, intervals, late, answers, response, slowest, aged, age, oldest, updates } = kept;
    const per = (sum: number, of: number) => (of > 0 ? sum / of : null);
    this.#kept = { ...zeros(), lastTime: kept.lastTime };
    return roundRow({
      steps_per_second: per(intervals, seconds),
      late_actions: this.#rate === undefined ? null : late,
      response_ms_mean: per(1000 * response, answers),
      response_ms_max: answers > 0 ? 1000 * slowest : null,
      outage_seconds: outage,
      policy_age_steps_mean: per(age, aged),
      policy_age_steps_max: aged > 0 ? oldest : null,
      updates_per_second: per(updates, seconds),
    });
  }

  save(): NamedArray {
    return { shape: [KEPT.length], data: Float64Array.from(KEPT, (name) => this.#kept[name]) };
  }

  /** Takes over what `save` gave. */
  load({ data }: NamedArray): void {
    for (const [i, name] of KEPT.entries()) this.#kept[name] = data[i]!;
  }
}

const zeros = () =>
  Object.fromEntries(KEPT.map((name) => [name, 0])) as Record<(typeof KEPT)[number], number>;
