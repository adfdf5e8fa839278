import { setImmediate } from 'node:timers/promises';
import type { EngineName } from '../engine/names.ts';
import type { EnvironmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import type { MethodAgent } from '../methods/index.ts';
import type { Planner } from '../planning/settings.ts';
import type { Run } from '../runs/read.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import type { Actor } from '../training/acting.ts';
import { complete, type Episode, evaluate, evaluationStreams } from '../training/evaluate.ts';
import type { Row } from '../training/events.ts';
import { heldOutSet } from '../training/held-out.ts';
import { roundRow } from '../training/round-row.ts';
import { RECORDED_EPISODES } from '../training/train.ts';
import { type LoadedSeed, loadRun } from './load-run.ts';

/** What a run's checkpoints played, and how well their models predict. */
export interface RunEvaluation {
  entry: EnvironmentEntry;
  /** The metrics of a model that the method has, in order: none without one. */
  diagnostics: readonly string[];
  seeds: SeedEvaluation[];
}

/** One seed's checkpoint. */
export interface SeedEvaluation extends LoadedSeed {
  episodes: Episode[];
  /** The model on the held-out set and on the first of these episodes. */
  diagnosis: Row;
}

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
  { checkpoint, episodes, engine, planner, begin }: EvaluationOptions,
): Promise<RunEvaluation> {
  const { run, entry, agent, seeds: loaded } = await loadRun(dir, { checkpoint, engine, seeds: 'all' });
  const seeds = loaded.map(({ seed }) => seed);
  const actor = planner ? planning(run, agent, planner) : agent;
  begin(seeds);
  const streams = evaluationStreams(seeds, 'eval');
  const playing = evaluate(actor, entry, 'average', episodes, RECORDED_EPISODES, streams);
  // Lets signals in.
  const evaluations = await complete(playing, () => setImmediate());
  const own = evaluations.map(({ recorded }) => recorded);
  const diagnoses = await agent.diagnose(heldOutSet(entry), own, 0);
  const evaluated = loaded.map((seed, member) => ({
    ...seed,
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
