import { chooseEngine, startEngine } from '../engine/engine.ts';
import type { EngineName } from '../engine/names.ts';
import { type EnvironmentEntry, environmentEntry, standingAt } from '../envs/index.ts';
import type { MethodAgent } from '../methods/index.ts';
import { type Run, readRun } from '../runs/read.ts';
import {
  type CheckpointChoice,
  readSavedSeeds,
  type SavedSeed,
  type SeedChoice,
} from '../runs/saved-seeds.ts';
import { requireFitting } from '../training/saved-state.ts';
import type { MemberState } from '../training/state.ts';
import { createAgent } from './create-agent.ts';

/** Which checkpoints are loaded, and what computes. */
export interface LoadOptions {
  checkpoint: CheckpointChoice;
  engine: EngineName | 'auto';
  seeds: SeedChoice;
}

/** A seed's checkpoint that was loaded. */
export interface LoadedSeed extends Omit<SavedSeed, 'state'> {
  /** Environment steps behind the checkpoint. */
  step: number;
  /** The environment as it stands after them, where it changes. */
  entry: EnvironmentEntry;
}

/** A run's agent as its checkpoints have it, one member per seed. */
export interface LoadedRun {
  run: Run;
  agent: MethodAgent;
  seeds: LoadedSeed[];
  /** What the checkpoints hold besides, one of each seed. */
  states: MemberState[];
  /** What computes it. */
  engine: EngineName;
}

/**
 * Loads a run's checkpoints into an agent, on the engine, which it starts. Writes nothing.
 *
 * @throws UserError when `dir` is no run folder, holds no checkpoint or a damaged one, or the engine cannot load.
 */
export async function loadRun(
  dir: string,
  { checkpoint: choice, engine: requested, seeds: which }: LoadOptions,
): Promise<LoadedRun> {
  const run = readRun(dir);
  const { experiment } = run;
  const saved = readSavedSeeds(run, choice, which);
  const { engine } = await chooseEngine(requested);
  await startEngine(engine.name);
  const agent = await createAgent(
    experiment,
    saved.map(({ seed }) => seed),
  );
  const fresh = await agent.save();
  for (const [member, { seed, state }] of saved.entries()) requireFitting(seed, state, fresh[member]!);
  agent.load(saved.map(({ state }) => state));
  const entry = environmentEntry(experiment.environment, experiment);
  return {
    run,
    agent,
    seeds: saved.map(({ seed, state: { step }, fallback }) => {
      return { seed, step, entry: standingAt(entry, step), fallback };
    }),
    states: saved.map(({ state }) => state),
    engine: engine.name,
  };
}
