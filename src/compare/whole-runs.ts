import { UserError } from '../errors.ts';
import type { Run } from '../runs/read.ts';

/**
 * The runs of which every seed counts, and a sentence for those that are left out.
 *
 * @param wanted what is of such runs alone, e.g. `a leaderboard`
 * @throws UserError where there are runs, and all of them are left out
 */
export function wholeRuns(runs: readonly Run[], wanted: string): { whole: Run[]; notes: string[] } {
  const unfinished = runs.filter((run) => run.unfinished.length > 0);
  const faulty = runs.filter((run) => run.unfinished.length === 0 && run.faulty.length > 0);
  const whole = runs.filter((run) => !unfinished.includes(run) && !faulty.includes(run));
  const faults = faulty.map(({ dir, faulty: [first] }) => `${dir} (seed ${first!.seed}: ${first!.fault})`);
  if (runs.length > 0 && whole.length === 0) {
    throw new UserError(
      faults.length > 0
        ? `the numbers of a seed cannot be right in ${faults.join(', ')}; train it anew, ${wanted} is of runs whose every seed counts`
        : `none of these runs is finished, and ${wanted} is of finished ones; train them on`,
    );
  }
  return {
    whole,
    notes: [
      ...(unfinished.length > 0
        ? [`Left out, not every seed is finished: ${unfinished.map(({ dir }) => dir).join(', ')}.`]
        : []),
      ...(faults.length > 0 ? [`Left out, numbers that cannot be right: ${faults.join(', ')}.`] : []),
    ],
  };
}
