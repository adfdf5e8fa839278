import path from 'node:path';
import { chooseEngine, startEngine } from '../engine/engine.ts';
import type { EngineName } from '../engine/names.ts';
import { type EnvironmentEntry, environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import type { MethodAgent } from '../methods/index.ts';
import { type Run, readRun } from '../runs/read.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { requireFitting } from '../training/saved-state.ts';
import type { MemberState } from '../training/state.ts';
import { createAgent } from './create-agent.ts';

/** Which of a seed's checkpoints: its last one, or that of the best evaluation so far. */
export type CheckpointChoice = 'last' | 'best';

/** Which checkpoints are loaded, and what computes. */
export interface LoadOptions {
  checkpoint: CheckpointChoice;
  engine: EngineName | 'auto';
  /** Which seeds: every one that has a checkpoint, the first of these, or one by its number. */
  seeds: 'all' | 'first' | number;
}

/** A seed's checkpoint that was loaded. */
export interface LoadedSeed {
  seed: number;
  /** Environment steps behind the checkpoint. */
  step: number;
  /** Why it is not the newest checkpoint, in one sentence; null where it is. */
  fallback: string | null;
}

/** A run's agent as its checkpoints have it, one member per seed. */
export interface LoadedRun {
  run: Run;
  entry: EnvironmentEntry;
  agent: MethodAgent;
  seeds: LoadedSeed[];
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
  if (typeof which === 'number' && !experiment.seeds.includes(which)) {
    throw new UserError(`${dir} has no seed ${which}; choose one of ${experiment.seeds.join(', ')}`);
  }
  const asked = typeof which === 'number' ? [which] : experiment.seeds;
  const saved: SavedSeed[] = [];
  for (const seed of asked) {
    const checkpoint = readSaved(new SeedFolder(dir, seed), choice);
    if (checkpoint) saved.push({ seed, ...checkpoint });
    if (which === 'first' && checkpoint) break;
  }
  if (saved.length === 0) throw new UserError(whyNoCheckpoint(run, choice, asked));
  const { engine } = await chooseEngine(requested);
  await startEngine(engine.name);
  const agent = await createAgent(
    experiment,
    saved.map(({ seed }) => seed),
  );
  const fresh = await agent.save();
  for (const [member, { seed, state }] of saved.entries()) requireFitting(seed, state, fresh[member]!);
  agent.load(saved.map(({ state }) => state));
  return {
    run,
    entry: environmentEntry(experiment.environment, experiment),
    agent,
    seeds: saved.map(({ seed, state, fallback }) => ({ seed, step: state.step, fallback })),
  };
}

/** A seed's checkpoint as it lies on the disk. */
interface SavedSeed {
  seed: number;
  state: MemberState;
  fallback: string | null;
}

function readSaved(folder: SeedFolder, choice: CheckpointChoice): Omit<SavedSeed, 'seed'> | undefined {
  if (choice === 'last') return folder.readCheckpoint();
  const best = folder.readBest();
  return best && { state: best.state, fallback: null };
}

/** What to do about a run that holds no checkpoint, in one sentence. */
function whyNoCheckpoint(
  { dir, experiment, seeds }: Run,
  choice: CheckpointChoice,
  asked: readonly number[],
): string {
  const holds = (seed: number) => new SeedFolder(dir, seed).hasCheckpoint();
  if (choice === 'best' && asked.some(holds)) {
    return `${dir} holds no checkpoint of a best evaluation (its best came before wm kept them, or there was none yet); play the last one, --checkpoint last`;
  }
  if (experiment.seeds.some(holds))
    return `seed ${asked[0]} of ${dir} holds no checkpoint yet; choose another`;
  if (seeds.length === 0) return `${dir} holds no checkpoint yet; the wm train command that made it goes on`;
  const config = path.join(dir, 'config.yaml');
  return `${dir} holds no checkpoint (published runs come without); wm train --config ${config} --runs DIR trains it in another folder, for wm eval and wm film to play`;
}
