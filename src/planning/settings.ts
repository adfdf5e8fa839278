import { z } from 'zod';
import type { PlannerName } from './names.ts';

/** How a planner searches: the keys `planner.…`. A smaller search than PlaNet's, because the models are smaller. */
export const plannerSettings = z.strictObject({
  horizon: z.int().min(1).max(1000).default(12).describe('steps that a plan looks ahead (PlaNet: 12)'),
  candidates: z
    .int()
    .min(1)
    .max(100_000)
    .default(64)
    .describe('plans that are tried in each iteration (PlaNet: 1000)'),
  elites: z
    .int()
    .min(1)
    .max(100_000)
    .default(8)
    .describe('best of them, which the next iteration is drawn around (PlaNet: 100)'),
  iterations: z.int().min(1).max(1000).default(4).describe('iterations per decision (PlaNet: 10)'),
  warmStart: z
    .boolean()
    .default(false)
    .describe('begin with the plan of the step before, moved by one step; off, as in PlaNet: from scratch'),
});

export type PlannerSettings = z.infer<typeof plannerSettings>;

/** A planner and how it searches. */
export interface Planner {
  name: PlannerName;
  settings: PlannerSettings;
}

/** What must hold between the keys, for a config that has them under `planner`. */
export const plannerRules = [
  {
    keys: ['planner.elites', 'planner.candidates'] as const,
    holds: ({ planner }: { planner: PlannerSettings }) => planner.elites <= planner.candidates,
    says: 'planner.elites must not exceed planner.candidates, of which they are the best',
  },
];
