import { z } from 'zod';

/** A number, or a straight line from `from` to `to` over the first `over` environment steps, constant afterwards. */
export type Schedule = number | Line;

/** A straight line, and what follows it. */
export interface Line {
  from: number;
  to: number;
  over: number;
}

/** The schema of a schedule whose values are such numbers. */
export const scheduleOf = (value: z.ZodNumber) => z.union([value, z.strictObject(lineKeys(value))]);

/** The same where a line is the default, any part of which may be given alone. */
export function lineOf(value: z.ZodNumber, line: Line) {
  const { from, to, over } = lineKeys(value);
  const keys = { from: from.default(line.from), to: to.default(line.to), over: over.default(line.over) };
  return z.union([value, z.strictObject(keys)]).default(line);
}

const lineKeys = (value: z.ZodNumber) => ({
  from: value.describe('value at the first environment step'),
  to: value.describe('value from step `over` on'),
  over: z.int().min(1).describe('environment steps from `from` to `to`'),
});

/** The schedule's value after `step` environment steps. */
export function scheduleAt(schedule: Schedule, step: number): number {
  if (typeof schedule === 'number') return schedule;
  const fraction = Math.min(1, step / schedule.over);
  return schedule.from + (schedule.to - schedule.from) * fraction;
}
