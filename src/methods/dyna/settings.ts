import { z } from 'zod';
import type { Course } from '../course.ts';
import { count, fraction, nonNegative } from '../fields.ts';
import type { Rule, RunLength } from '../rules.ts';

/** How values are learnt from the model, and where curiosity comes in. */
export const kinds = ['dyna-q', 'dyna-q-plus', 'bonus-in-action', 'prioritized-sweeping'] as const;

/** Tabular Dyna's own config keys; the defaults are Sutton and Barto's for the Dyna Maze, where they give one. */
export const dynaSettings = z.strictObject({
  kind: z
    .enum(kinds)
    .default('dyna-q')
    .describe(
      'dyna-q plans over random pairs of the model; dyna-q-plus too, with a bonus for what was not tried for long; bonus-in-action has that bonus in the choice of actions alone; prioritized-sweeping plans where values change most',
    ),
  planningSteps: count
    .max(100_000)
    .default(5)
    .describe('updates n from the model per environment step; with dyna-q 0 is Q-learning'),
  alpha: fraction.gt(0).default(0.1).describe('step size α of every update'),
  gamma: fraction.default(0.95).describe('discount γ per environment step'),
  epsilon: fraction.default(0.1).describe('share ε of random actions'),
  bonus: nonNegative
    .default(1e-3)
    .describe('κ of the bonus κ √τ, τ the steps since a pair was tried; dyna-q-plus and bonus-in-action'),
  theta: nonNegative
    .default(1e-4)
    .describe('θ: a pair is worth an update from |TD error| above it on; prioritized-sweeping'),
});

export type DynaSettings = z.infer<typeof dynaSettings>;

/** What tables call a run. */
export const dynaArm = ({ kind, planningSteps }: DynaSettings): string =>
  kind === 'dyna-q' && planningSteps === 0 ? 'q-learning' : kind;

/** Every step is learnt from. */
export const dynaCourse = ({ steps }: RunLength): Course => ({ updates: steps, leftOver: 0 });

/** What must hold between the keys. */
export const dynaRules: readonly Rule<DynaSettings & RunLength>[] = [
  {
    keys: ['planningSteps', 'kind'],
    holds: ({ kind, planningSteps }) => planningSteps > 0 || kind === 'dyna-q' || kind === 'bonus-in-action',
    says: 'planningSteps must be at least 1 where what a kind adds is in planning',
  },
];
