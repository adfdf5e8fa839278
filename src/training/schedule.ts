/** A number, or a straight line from `from` to `to` over the first `over` environment steps, constant afterwards. */
export type Schedule = number | { from: number; to: number; over: number };

/** The schedule's value after `step` environment steps. */
export function scheduleAt(schedule: Schedule, step: number): number {
  if (typeof schedule === 'number') return schedule;
  const fraction = Math.min(1, step / schedule.over);
  return schedule.from + (schedule.to - schedule.from) * fraction;
}
