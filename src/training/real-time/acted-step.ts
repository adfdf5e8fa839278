import type { Step } from '../environment-steps.ts';

/** What came before a step of the acting process. */
export const STEP_FOLLOWS = 0;
/** It is the first of a sitting: the time since the step before is nobody's. */
export const STEP_OPENS_SITTING = 1;
/** It is the first of a process that took the place of one that had died: the environment stood still in between. */
export const STEP_AFTER_OUTAGE = 2;

/** A step of one environment as the process that acts in it records it. */
export interface ActedStep extends Step {
  /** Seconds of a steady clock at which the environment took it; none where it waits for its actions: when it was taken. */
  time: number;
  /** One of the constants above. */
  before: number;
  /** 1 where the environment took it before the action that was due had come, and kept to the last one. */
  late: number;
  /** Seconds from when o stood to when its action was there; NaN where the step is late. */
  response: number;
  /** 1 where the action was uniformly random. */
  random: number;
  /** Updates and steps behind the weights that chose the action: 0 where these are the initial ones. */
  policy: { update: number; step: number };
}

/** The steps that were recorded, oldest first, as far as they go now. */
export interface ActedSteps {
  /** How many there are. */
  readonly length: number;
  /** The step at an index, from 0: the caller's own. */
  at(index: number): ActedStep;
}
