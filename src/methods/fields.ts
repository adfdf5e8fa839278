import { z } from 'zod';

/** The building blocks of every settings schema: one place for the ranges that recur. */

export const positiveInteger = z.int().min(1);
export const count = z.int().min(0);
export const nonNegative = z.number().min(0);
export const positive = z.number().gt(0);
/** A fraction in [0, 1]. */
export const fraction = z.number().min(0).max(1);
/** Widths of an MLP's hidden layers. */
export const widths = z.array(positiveInteger.max(65_536)).min(1).max(8);
/** A number, or a line from `from` to `to` over the first `over` environment steps. */
export const schedule = z.union([
  nonNegative,
  z.strictObject({
    from: nonNegative.describe('value at the first environment step'),
    to: nonNegative.describe('value from step `over` on'),
    over: positiveInteger.describe('environment steps from `from` to `to`'),
  }),
]);

/** A rule that concerns several keys of a resolved config. */
export interface Rule<Settings> {
  /** The dotted keys concerned, the likeliest culprit first: an error points at the first one that the user wrote. */
  keys: readonly [string, ...string[]];
  holds: (settings: Settings) => boolean;
  /** What must hold, as a sentence without its full stop. */
  says: string;
}
