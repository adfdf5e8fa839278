import type { States } from '../models/world-model.ts';
import { cem } from './cem.ts';
import { enumeration } from './enumeration.ts';
import { icem } from './icem.ts';
import { mppi } from './mppi.ts';
import type { Ground, Planner } from './planner.ts';
import type { PlannerSettings } from './settings.ts';
import { shooting } from './shooting.ts';

/** The planner that settings ask for. */
export function makePlanner<State extends States>(
  settings: PlannerSettings,
  ground: Ground<State>,
): Planner<State> {
  switch (settings.name) {
    case 'cem':
      return cem(settings, ground);
    case 'icem':
      return icem(settings, ground);
    case 'mppi':
      return mppi(settings, ground);
    case 'shooting':
      return shooting(settings, ground);
    case 'enumeration':
      return enumeration(settings, ground);
  }
}
