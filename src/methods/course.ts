import { grouped } from '../words.ts';
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
  return [
    ...(updates < logEvery
      ? [
          `losses.csv gets no row: logEvery is ${grouped(logEvery)}, and a seed makes ${grouped(updates)} updates`,
        ]
      : []),
    ...(leftOver > 0
      ? [
          `the last ${grouped(leftOver)} of ${grouped(steps)} steps are not learnt from: they fill no roll-out`,
        ]
      : []),
  ];
}
