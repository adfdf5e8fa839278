import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { isFinished } from '../runs/records.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { learntFromAnother } from '../training/offline-learner.ts';

/**
 * The environment step at which each unfinished one of some seeds stands, and why it is not its newest checkpoint's, where that is so.
 * Reads every checkpoint, so that a damaged one is found now.
 *
 * @throws UserError when a seed that ended earlier than the run now does has no checkpoint to go on from, or one learnt
 *   from another data set.
 */
export function pendingSteps(
  dir: string,
  experiment: Experiment,
  seeds: readonly number[],
  data: Uint8Array | undefined,
): { steps: Map<number, number>; fallbacks: Map<number, string> } {
  const steps = new Map<number, number>();
  const fallbacks = new Map<number, string>();
  for (const seed of seeds) {
    const seedFolder = new SeedFolder(dir, seed);
    const done = seedFolder.done();
    if (done && isFinished(done, experiment)) continue;
    const checkpoint = seedFolder.readCheckpoint();
    if (done && !checkpoint) {
      throw new UserError(
        `${seedFolder.dir} ended after ${done.steps} steps and holds no checkpoint to go on from (published runs come without); choose another --name or --runs`,
      );
    }
    if (data && checkpoint && learntFromAnother(checkpoint.state, data)) {
      throw new UserError(
        `${seedFolder.dir} learnt from another data set than ${experiment.data} holds now; restore that one, or choose another --name or --runs`,
      );
    }
    steps.set(seed, checkpoint?.state.step ?? 0);
    if (checkpoint?.fallback) fallbacks.set(seed, checkpoint.fallback);
  }
  return { steps, fallbacks };
}
