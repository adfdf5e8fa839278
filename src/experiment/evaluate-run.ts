import { chooseEngine, type EngineName, startEngine } from '../engine/engine.ts';
import { type EnvironmentEntry, environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { RandomStream } from '../random/stream.ts';
import { readRun } from '../runs/read.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { type Episode, evaluate } from '../training/evaluate.ts';
import { requireFitting } from '../training/saved-state.ts';
import { createAgent } from './create-agent.ts';

/** What a run's checkpoints played. */
export interface RunEvaluation {
  entry: EnvironmentEntry;
  seeds: SeedEvaluation[];
}

/** The episodes that one seed's checkpoint played. */
export interface SeedEvaluation {
  seed: number;
  /** Environment steps behind the checkpoint. */
  step: number;
  /** Why it is not the newest checkpoint that played, in one sentence; null where it is. */
  fallback: string | null;
  episodes: Episode[];
}

/**
 * Plays greedy episodes with the averaged policy of every checkpoint of a run, all seeds side by side. Where episodes
 * start comes from the stream `eval` of each seed, which training never draws from.
 *
 * @throws UserError when `dir` is no run folder, holds no checkpoint or a damaged one, or the engine cannot load.
 */
export async function evaluateRun(
  dir: string,
  episodes: number,
  requested: EngineName | 'auto',
): Promise<RunEvaluation> {
  const { experiment } = readRun(dir);
  const saved = experiment.seeds.flatMap((seed) => {
    const checkpoint = new SeedFolder(dir, seed).readCheckpoint();
    return checkpoint ? [{ seed, state: checkpoint.state, fallback: checkpoint.fallback }] : [];
  });
  if (saved.length === 0) {
    throw new UserError(
      `${dir} holds no checkpoint (published runs come without); train it again to evaluate it`,
    );
  }
  const { engine } = await chooseEngine(requested);
  await startEngine(engine.name);
  const entry = environmentEntry(experiment.environment);
  const agent = await createAgent(
    experiment,
    saved.map(({ seed }) => seed),
  );
  const fresh = await agent.save();
  for (const [member, { seed, state }] of saved.entries()) requireFitting(seed, state, fresh[member]!);
  agent.load(saved.map(({ state }) => state));
  const streams = saved.map(({ seed }) => RandomStream.named(seed, 'eval'));
  const evaluations = await evaluate(agent, entry, 'average', episodes, 0, streams);
  const seeds = saved.map(({ seed, state, fallback }, member) => ({
    seed,
    step: state.step,
    fallback,
    episodes: evaluations[member]!.episodes,
  }));
  return { entry, seeds };
}
