import type { EnvironmentEntry } from './index.ts';
import { TimeLimit } from './time-limit.ts';

/** The least and the largest return Σ r of an episode, which has one step at least; infinite where nothing bounds it. */
export function returnRange({ make, rewardRange: [least, largest] }: EnvironmentEntry): [number, number] {
  const environment = make();
  const steps = environment instanceof TimeLimit ? environment.maxSteps : Number.POSITIVE_INFINITY;
  return [least < 0 ? least * steps : least, largest > 0 ? largest * steps : largest];
}
