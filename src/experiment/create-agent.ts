import type { Experiment } from '../config/schema.ts';
import { environmentEntry } from '../envs/index.ts';
import { type MethodAgent, methods } from '../methods/index.ts';
import { agentSpaces } from '../training/agent-spaces.ts';

/** A fresh agent of an experiment's method, with one member per seed, on the engine that has been started. */
export async function createAgent(experiment: Experiment, seeds: readonly number[]): Promise<MethodAgent> {
  const method = await methods[experiment.method].load();
  return method.create(
    seeds.map((seed) => ({ seed, settings: experiment })),
    agentSpaces(environmentEntry(experiment.environment, experiment)),
  );
}
