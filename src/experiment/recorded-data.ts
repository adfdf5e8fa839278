import type { Experiment } from '../config/schema.ts';
import { DataSet } from '../runs/data-set.ts';
import type { DataSetEnvironment } from '../runs/data-set-manifest.ts';

/**
 * The data set that an experiment learns from, checked; undefined for one that learns from what it plays itself.
 *
 * @throws UserError where it is none, damaged, or of another environment.
 */
export function openDataOf(experiment: Experiment): DataSet | undefined {
  if (experiment.data === undefined) return undefined;
  const data = new DataSet(experiment.data);
  data.requireEnvironment(dataSetEnvironment(experiment));
  return data;
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
