import { join } from 'node:path';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import { DataSet } from '../runs/data-set.ts';
import { type DataSetEnvironment, MANIFEST } from '../runs/data-set-manifest.ts';
import { learntFromAnother } from '../training/offline-learner.ts';
import type { MemberState } from '../training/state.ts';

/**
 * The data set that an experiment learns from, checked; undefined for one that learns from what it plays itself.
 *
 * @throws UserError where it is none, damaged, of another environment, or nothing that its method can learn from.
 */
export function openDataOf(experiment: Experiment): DataSet | undefined {
  if (experiment.data === undefined) return undefined;
  const data = new DataSet(experiment.data);
  requireLearnable(experiment, data);
  return data;
}

/** @throws UserError where an experiment cannot learn from a data set. */
export function requireLearnable(experiment: Experiment, data: DataSet): void {
  data.requireEnvironment(dataSetEnvironment(experiment));
  const why = methods[experiment.method].dataRefusal(experiment, data.lengths);
  if (why !== undefined) throw new UserError(`${join(data.dir, MANIFEST)}: ${why}`);
}

/**
 * The data set that a run has learnt from, or why there is none any more, a sentence; undefined for one that learnt from
 * what it played itself.
 *
 * @param states of its checkpoints
 */
export function dataLearntFrom(
  experiment: Experiment,
  states: readonly MemberState[],
): { data: DataSet } | { why: string } | undefined {
  try {
    const data = openDataOf(experiment);
    if (!data) return undefined;
    const isAnother = states.some((state) => learntFromAnother(state, data.fingerprint));
    return isAnother
      ? { why: `${data.dir} is another data set than the one that was learnt from` }
      : { data };
  } catch (error) {
    if (error instanceof UserError) return { why: error.message };
    throw error;
  }
}

/** The environment that a config says. */
export const dataSetEnvironment = ({
  environment,
  maze,
  distractors,
  pixels,
}: Pick<Experiment, keyof DataSetEnvironment>): DataSetEnvironment => ({
  environment,
  maze: maze ?? null,
  distractors,
  pixels: pixels ?? null,
});
