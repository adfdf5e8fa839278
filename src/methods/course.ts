import type { ReplaySettings } from '../training/replay-learner.ts';
import { grouped } from '../words.ts';
import type { RunLength } from './rules.ts';

/** What becomes of the steps of a run, per seed. */
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
  updates = 1,
  pretraining = 0,
}: RunLength & Pick<ReplaySettings, 'randomSteps' | 'updateEvery' | 'updates' | 'pretraining'>): Course {
  const rounds = Math.floor((steps - randomSteps) / updateEvery);
  return { updates: pretraining + rounds * updates, leftOver: 0 };
}

/** The course of a method that learns from a data set: each step is an update. */
export const offlineCourse = ({ steps }: RunLength): Course => ({ updates: steps, leftOver: 0 });

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
