import { keptOf, populationsOf } from './icem.ts';
import { policyTrajectories } from './mppi.ts';
import type { PlannerSettings } from './settings.ts';

/** What a planner asks of a model, in flops of matrix products for one row. */
export interface PlannedFlops {
  /** A step. */
  dynamics: number;
  /** What rewards and ends are read from. */
  heads: number;
  /** The value of a state; absent in a model without. */
  value?: number;
  /** The policy's outputs; absent in a model without. */
  policy?: number;
  /** Roll-outs along each plan. Default: 1. */
  particles?: number;
  /** Numbers of an action as networks see it. */
  actions: number;
}

/** The flops of the matrix products of one search for an action. */
export function planFlops(
  settings: PlannerSettings,
  { dynamics, heads, value = 0, policy, particles = 1, actions }: PlannedFlops,
): number {
  const { horizon } = settings;
  const ending = settings.terminalValue === false ? 0 : value;
  if (settings.name === 'enumeration') {
    // Plans share the steps that they begin with.
    const steps = Array.from({ length: horizon }, (_, t) => actions ** (t + 1)).reduce((a, b) => a + b);
    return particles * (steps * (dynamics + heads) + actions ** horizon * ending);
  }
  const followed =
    settings.name === 'mppi' ? policyTrajectories(settings, policy !== undefined) * horizon : 0;
  const judged = plansOf(settings) * particles * (horizon * (dynamics + heads) + ending);
  return judged + followed * ((policy ?? 0) + dynamics);
}

/** How many plans are judged for an action. */
function plansOf(settings: Exclude<PlannerSettings, { name: 'enumeration' }>): number {
  switch (settings.name) {
    case 'cem':
    case 'mppi':
      return settings.iterations * settings.candidates;
    case 'icem':
      return populationsOf(settings).reduce((sum, drawn) => sum + drawn + keptOf(settings), 0);
    case 'shooting':
      return settings.candidates;
  }
}
