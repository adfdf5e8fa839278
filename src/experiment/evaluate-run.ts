import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { chooseEngine, startEngine } from '../engine/engine.ts';
import type { EngineName } from '../engine/names.ts';
import { type EnvironmentEntry, environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import type { MethodAgent } from '../methods/index.ts';
import type { Planner } from '../planning/settings.ts';
import { type Run, readRun } from '../runs/read.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import type { Actor } from '../training/acting.ts';
import { complete, type Episode, evaluate, evaluationStreams } from '../training/evaluate.ts';
import type { Row } from '../training/events.ts';
import { heldOutSet } from '../training/held-out.ts';
import { roundRow } from '../training/round-row.ts';
import { requireFitting } from '../training/saved-state.ts';
import { RECORDED_EPISODES } from '../training/train.ts';
import { createAgent } from './create-agent.ts';

/** What a run's checkpoints played, and how well their models predict. */
export interface RunEvaluation {
  entry: EnvironmentEntry;
  /** The metrics of a model that the method has, in order: none without one. */
  diagnostics: readonly string[];
  seeds: SeedEvaluation[];
}

/** One seed's checkpoint. */
export interface SeedEvaluation {
  seed: number;
  /** Environment steps behind the checkpoint. */
  step: number;
  /** Why it is not the newest checkpoint that played, in one sentence; null where it is. */
  fallback: string | null;
  episodes: Episode[];
  /** The model on the held-out set and on the first of these episodes. */
  diagnosis: Row;
}

/** Which of a seed's checkpoints plays: its last one, or that of the best evaluation so far. */
export type CheckpointChoice = 'last' | 'best';

export interface EvaluationOptions {
  checkpoint: CheckpointChoice;
  /** Episodes per seed. */
  episodes: number;
  engine: EngineName | 'auto';
  /** Acts in place of the policy, by planning in the model; undefined: the policy acts. */
  planner?: Planner | undefined;
  /** Told, before anything is played, which seeds will play. */
  begin: (seeds: readonly number[]) => void;
}

/**
 * Plays greedy episodes with the averaged policy of a checkpoint of each seed of a run, or by planning in its model, all
 * seeds side by side, and measures the models. What is random comes from streams of each seed that training never draws
 * from: `eval`, `eval/acting`, `diagnosis/0`; episodes start alike whoever acts.
 *
 * @throws UserError when `dir` is no run folder, holds no checkpoint or a damaged one, the engine cannot load, or there is
 *   no model to plan in.
 */
export async function evaluateRun(
  dir: string,
  { checkpoint: choice, episodes, engine: requested, planner, begin }: EvaluationOptions,
): Promise<RunEvaluation> {
  const run = readRun(dir);
  const { experiment } = run;
  const saved = experiment.seeds.flatMap((seed) => {
    const folder = new SeedFolder(dir, seed);
    if (choice === 'best') {
      const best = folder.readBest();
      return best ? [{ seed, state: best.state, fallback: null }] : [];
    }
    const last = folder.readCheckpoint();
    return last ? [{ seed, state: last.state, fallback: last.fallback }] : [];
  });
  if (saved.length === 0) throw new UserError(whyNoCheckpoint(run, choice));
  const { engine } = await chooseEngine(requested);
  await startEngine(engine.name);
  const entry = environmentEntry(experiment.environment, experiment);
  const seeds = saved.map(({ seed }) => seed);
  const agent = await createAgent(experiment, seeds);
  const fresh = await agent.save();
  for (const [member, { seed, state }] of saved.entries()) requireFitting(seed, state, fresh[member]!);
  agent.load(saved.map(({ state }) => state));
  const actor = planner ? planning(run, agent, planner) : agent;
  begin(seeds);
  const streams = evaluationStreams(seeds, 'eval');
  const playing = evaluate(actor, entry, 'average', episodes, RECORDED_EPISODES, streams);
  // Lets signals in.
  const evaluations = await complete(playing, () => setImmediate());
  const own = evaluations.map(({ recorded }) => recorded);
  const diagnoses = await agent.diagnose(heldOutSet(entry), own, 0);
  const evaluated = saved.map(({ seed, state, fallback }, member) => ({
    seed,
    step: state.step,
    fallback,
    episodes: evaluations[member]!.episodes,
    diagnosis: roundRow(diagnoses[member]!),
  }));
  return { entry, diagnostics: agent.diagnostics, seeds: evaluated };
}

function planning({ dir, experiment }: Run, agent: MethodAgent, { name, settings }: Planner): Actor {
  if (agent.planningActor) return agent.planningActor(settings);
  throw new UserError(
    `--planner ${name}: ${dir} was trained by ${experiment.method}, which has no world model to plan in; leave --planner out`,
  );
}

/** What to do about a run that holds no checkpoint, in one sentence. */
function whyNoCheckpoint({ dir, experiment, seeds }: Run, choice: CheckpointChoice): string {
  if (choice === 'best' && experiment.seeds.some((seed) => new SeedFolder(dir, seed).hasCheckpoint())) {
    return `${dir} holds no checkpoint of a best evaluation (its best came before wm kept them, or there was none yet); play the last one, --checkpoint last`;
  }
  if (seeds.length === 0) return `${dir} holds no checkpoint yet; the wm train command that made it goes on`;
  const config = path.join(dir, 'config.yaml');
  return `${dir} holds no checkpoint (published runs come without); wm train --config ${config} --runs DIR trains it in another folder, for wm eval to play`;
}
