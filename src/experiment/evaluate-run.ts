import { setImmediate } from 'node:timers/promises';
import type { RequestedPlanner } from '../config/planner.ts';
import type { EngineName } from '../engine/names.ts';
import { environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import type { MethodAgent } from '../methods/index.ts';
import { UnsuitedPlanner } from '../planning/requirements.ts';
import type { Run } from '../runs/read.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import type { Actor } from '../training/acting.ts';
import { complete, type Episode, evaluate, evaluationStreams } from '../training/evaluate.ts';
import type { Row } from '../training/events.ts';
import { heldOutSet } from '../training/held-out.ts';
import { roundRow } from '../training/round-row.ts';
import { RECORDED_EPISODES } from '../training/train.ts';
import { type LoadedSeed, loadRun } from './load-run.ts';
import { dataLearntFrom } from './recorded-data.ts';
import { TimedActor } from './timed-actor.ts';

/** What a run's checkpoints played, and how well their models predict. */
export interface RunEvaluation {
  /** The metrics of a model that the method has, in order: none without one. */
  diagnostics: readonly string[];
  seeds: SeedEvaluation[];
  /** What an action takes, per environment of those that are played at once; its first step, which compiles, left out */
  millisecondsPerAction: number;
  /** Why the model is not measured, where that takes a data set that is not there, a sentence; else null. */
  unmeasured: string | null;
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
  planner?: RequestedPlanner | undefined;
  /** Milliseconds. */
  clock: () => number;
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
  { checkpoint, episodes, engine, planner, clock, begin }: EvaluationOptions,
): Promise<RunEvaluation> {
  const { run, agent, states, seeds: loaded } = await loadRun(dir, { checkpoint, engine, seeds: 'all' });
  const data = agent.measureOn && dataLearntFrom(run.experiment, states);
  if (data && 'data' in data) agent.measureOn!(data.data);
  const seeds = loaded.map(({ seed }) => seed);
  const entries = loaded.map(({ entry }) => entry);
  const actor = new TimedActor(
    planner ? planning(run, agent, planner) : agent,
    entries[0]!.observationNames.length,
    clock,
  );
  begin(seeds);
  const streams = evaluationStreams(seeds, 'eval');
  const playing = evaluate(actor, entries, 'average', episodes, RECORDED_EPISODES, streams);
  // Lets signals in.
  const evaluations = await complete(playing, () => setImmediate());
  const own = evaluations.map(({ recorded }) => recorded);
  // A method that learns in phases has learnt what those up to each checkpoint teach.
  const steps = loaded.map(({ step }) => (data ? step : 0));
  const asAtFirst = environmentEntry(run.experiment.environment, run.experiment);
  const diagnoses = await agent.diagnose(() => heldOutSet(asAtFirst), own, steps);
  const evaluated = loaded.map((seed, member) => ({
    ...seed,
    episodes: evaluations[member]!.episodes,
    diagnosis: roundRow(diagnoses[member]!),
  }));
  const { millisecondsPerAction } = actor;
  const unmeasured = data && 'why' in data ? data.why : null;
  return { diagnostics: agent.diagnostics, seeds: evaluated, millisecondsPerAction, unmeasured };
}

function planning(
  { dir, experiment }: Run,
  agent: MethodAgent,
  { settings, place }: RequestedPlanner,
): Actor {
  if (!agent.planningActor) {
    throw new UserError(
      `--planner ${settings.name}: ${dir} was trained by ${experiment.method}, which has no model that can be planned in; leave --planner out`,
    );
  }
  try {
    return agent.planningActor(settings);
  } catch (error) {
    if (error instanceof UnsuitedPlanner) throw new UserError(`${place(error.key)}: ${error.message}`);
    throw error;
  }
}
