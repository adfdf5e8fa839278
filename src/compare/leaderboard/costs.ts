import { environmentEntry } from '../../envs/index.ts';
import { methods } from '../../methods/index.ts';
import type { Run } from '../../runs/read.ts';
import { mean } from '../../statistics.ts';
import { agentSpaces } from '../../training/agent-spaces.ts';

/** What training took, counted from a run's config and the updates that it made; null where that cannot be told. */
export interface RunCost {
  /** Trained numbers of all networks that act or learn. */
  parameters: number | null;
  /** Flops of matrix products per environment step, mean over seeds. */
  flopPerStep: number | null;
  /** Whether that is an upper bound. */
  isBound: boolean;
}

/** Loads the run's method, which starts no engine. */
export async function costOf({ experiment, seeds }: Run): Promise<RunCost> {
  const { trainingCost } = await methods[experiment.method].load();
  if (!trainingCost) return { parameters: null, flopPerStep: null, isBound: false };
  const spaces = agentSpaces(environmentEntry(experiment.environment, experiment));
  const { parameters, flops, isBound = false } = trainingCost(experiment, spaces);
  const perStep = flops ? seeds.map(({ done }) => flops(done) / done.steps) : [];
  return { parameters, flopPerStep: mean(perStep), isBound };
}
