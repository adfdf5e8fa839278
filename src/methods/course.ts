import type { RunLength } from './rules.ts';

/** What becomes of the environment steps of a run, per seed. */
export interface Course {
  /** Gradient updates. */
  updates: number;
  /** Environment steps at the end that no update learns from. */
  leftOver: number;
}

/** The course of a method that learns from replay. */
export function replayCourse({
  steps,
  randomSteps,
  updateEvery,
}: RunLength & { randomSteps: number; updateEvery: number }): Course {
  return { updates: Math.floor((steps - randomSteps) / updateEvery), leftOver: 0 };
}

/** What of a run's course is easily taken for something else, a sentence each. */
export function courseRemarks(
  { updates, leftOver }: Course,
  { steps, logEvery }: RunLength & { logEvery: number },
): string[] {
  const number = (value: number) => value.toLocaleString('en-US');
  return [
    ...(updates < logEvery
      ? [
          `losses.csv gets no row: logEvery is ${number(logEvery)}, and a seed makes ${number(updates)} updates`,
        ]
      : []),
    ...(leftOver > 0
      ? [`the last ${number(leftOver)} of ${number(steps)} steps are not learnt from: they fill no roll-out`]
      : []),
  ];
}
