import type { DreamedStep } from '../models/dreams.ts';

/** What a film shows of one episode, its start and each step after it. */
export interface FilmedEpisode {
  real: readonly RealStep[];
  /** As long; null of a method without a model that can be seen. */
  dream: readonly DreamedStep[] | null;
  /** Why the episode ended, in a word; null where it goes on after the film, or a time limit cut it. */
  ending: string | null;
}

export interface RealStep {
  /** Raw units: [observation] */
  observation: ArrayLike<number>;
  /** Of the step that led here; null at the start. */
  reward: number | null;
}

/** A dreamed step as it is shown. */
export interface ShownStep extends DreamedStep {
  /** The dream is over: the model foresaw the episode's end here or before. */
  over: boolean;
}

/** ĉ below which the model takes the episode for ended. */
const OVER = 0.5;

/** A dream stands still from the step on at which its model foresees the end, until another begins. */
export function untilOver(dream: readonly DreamedStep[]): ShownStep[] {
  let last: ShownStep | undefined;
  return dream.map((step) => {
    const sameDream = step.dreamt > 1;
    if (!(last?.over && sameDream)) last = { ...step, over: (step.continueProbability ?? 1) < OVER };
    return last;
  });
}

/** A number as pictures show it; `–` where there is none. */
export function shown(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  return Math.abs(value) < 1e5 ? value.toFixed(2).replace(/^-(0\.00)$/, '$1') : value.toExponential(0);
}
