import { z } from 'zod';

/** A number, or a straight line from `from` to `to` over the first `over` environment steps, constant afterwards. */
export type Schedule = number | { from: number; to: number; over: number };

/** The schema of a schedule whose values are such numbers. */
export const scheduleOf = <Value extends z.ZodType<number>>(value: Value) =>
  z.union([
    value,
    z.strictObject({
      from: value.describe('value at the first environment step'),
      to: value.describe('value from step `over` on'),
      over: z.int().min(1).describe('environment steps from `from` to `to`'),
    }),
  ]);

/** The schedule's value after `step` environment steps. */
export function scheduleAt(schedule: Schedule, step: number): number {
  if (typeof schedule === 'number') return schedule;
  const fraction = Math.min(1, step / schedule.over);
  return schedule.from + (schedule.to - schedule.from) * fraction;
}
