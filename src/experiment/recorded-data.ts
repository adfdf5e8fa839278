import { join } from 'node:path';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import { DataSet } from '../runs/data-set.ts';
import { type DataSetEnvironment, MANIFEST } from '../runs/data-set-manifest.ts';

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
