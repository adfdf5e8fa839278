import { type EnvironmentEntry, environmentEntry, standingAt } from '../envs/index.ts';
import type { PixelSettings } from '../envs/pixels.ts';
import type { Agent } from './agent.ts';
import { evaluate, evaluationStreams, returnStatistics } from './evaluate.ts';
import type { Row, TrainingEvent } from './events.ts';
import { heldOutOnDemand } from './held-out.ts';
import { LossLog } from './loss-log.ts';
import { type Experience, realTimeLearner } from './real-time/learner.ts';
import { realTimeColumns } from './real-time/tally.ts';
import type { RecordedEpisodes } from './recorded-episodes.ts';
import type { Sequences } from './replay.ts';
import { roundRow } from './round-row.ts';
import { requireFitting, whereValid } from './saved-state.ts';
import type { MemberState } from './state.ts';

/**
 * The settings that every method has; `steps` and `evaluation.every` are environment steps of one member and multiples
 * of those that the method's learner takes in a round, or rounds where it acts in no environment; `logEvery` is updates.
 */
export interface TrainingPlan {
  environment: string;
  /** The text of the environment `Maze`. */
  maze?: string | undefined;
  /** Dimensions of noise appended to observations; default: none. */
  distractors?: number;
  /** Pictures in place of observations; default: none. */
  pixels?: PixelSettings | undefined;
  steps: number;
  logEvery: number;
  /** `online`: whether episodes are played once more with the weights that are trained; default: true. */
  evaluation: { every: number; episodes: number; online?: boolean };
  /** Which updates' gradients are measured, in a method that can; default: none. */
  gradients?: { every: number } | undefined;
}

/** Whether an evaluation stands at an environment step: at every multiple of `evaluation.every` and at the end. */
export const isEvaluated = (
  { steps, evaluation }: Pick<TrainingPlan, 'steps' | 'evaluation'>,
  step: number,
) => step % evaluation.every === 0 || step === steps;

/** Own evaluation episodes that are recorded for the model's metrics. */
export const RECORDED_EPISODES = 20;

/** Rounds between two events while there are no updates: a random step costs no more than an event. */
const ALIVE_EVERY = 32;

/** Columns of metrics.csv. */
export const metricColumns = (agent: Agent, isRealTime = false): string[] => [
  ...['seed', 'env_step', 'update', 'wall_seconds'],
  ...['reward_mean', 'reward_std', 'reward_min', 'reward_max', 'reward_mean_online', 'episodes'],
  ...agent.diagnostics,
  ...(isRealTime ? realTimeColumns : []),
];

/**
 * Trains all members of an agent side by side, round by round of its learner, with an evaluation at every multiple of
 * `evaluation.every` and at the end. State in, events out: it writes nothing, prints nothing and
 * reads no clock. Resuming is calling it with states saved earlier, all at the same step; stopping is asking for no
 * further event. Between two events lie the updates of one round, one step of an evaluation's episodes, the measuring of
 * a model or a few environment steps.
 *
 * @param seeds one per member, in the agent's order
 * @param states one per member, or none for a fresh start
 * @param data recorded episodes, for a method that learns from such alone
 * @param experience what another process plays, for a method that learns from replay, of one member
 */
export async function* train(
  agent: Agent,
  plan: TrainingPlan,
  seeds: readonly number[],
  states?: readonly MemberState[],
  data?: RecordedEpisodes,
  experience?: Experience,
): AsyncGenerator<TrainingEvent, void, void> {
  const entry = environmentEntry(plan.environment, plan);
  const learner = experience ? realTimeLearner(agent.learner(entry), experience) : agent.learner(entry, data);
  const { phases } = learner;
  const stride = Math.max(1, learner.environments);
  const heldOut = heldOutOnDemand(entry);
  const losses = new LossLog(agent, seeds.length);
  if (plan.gradients) agent.gradientFlow?.start(plan.gradients.every);
  const failed = new Set<number>();
  let { step, update } = states?.[0] ?? { step: 0, update: 0 };
  /** Members whose evaluation at this step is still to be made, where one stands there: a run may have become longer. */
  let owing = new Set(
    [...seeds.keys()].filter((member) => states?.[member]?.evaluationDue && isEvaluated(plan, step)),
  );

  const save = async (): Promise<(MemberState | undefined)[]> => {
    await losses.drain();
    const agentStates = await agent.save();
    return seeds.map((_, member) => {
      if (!losses.isFinite(member)) return undefined;
      const own = agentStates[member]!;
      const learnt = learner.save(member);
      return {
        step,
        update,
        evaluationDue: owing.has(member),
        arrays: { ...own.arrays, ...learnt.arrays, ...losses.save(member) },
        streams: { ...own.streams, ...learnt.streams },
      };
    });
  };

  if (states) {
    const fresh = await save();
    for (const [member, state] of states.entries()) requireFitting(seeds[member]!, state, fresh[member]!);
    agent.load(states);
    for (const [member, state] of states.entries()) {
      whereValid(seeds[member]!, () => learner.load(member, state));
      losses.load(member, state);
    }
  }

  for (;;) {
    if (owing.size > 0) {
      const now = standingAt(entry, step / stride);
      const measuring = measure(agent, now, plan.evaluation, heldOut, seeds, step);
      let measured = await measuring.next();
      for (; !measured.done; measured = await measuring.next()) yield { kind: 'alive', step, update, save };
      for (const [member, { row, recorded }] of measured.value.entries()) {
        if (!owing.has(member)) continue;
        const measures = learner.drainMeasures?.();
        yield { kind: 'evaluation', member, row: { env_step: step, update, ...row, ...measures }, recorded };
      }
      owing = new Set();
      yield { kind: 'step', step, update, save };
    }
    const isStill = phases?.isDue(step, update) ?? false;
    if ((step >= plan.steps && !isStill) || failed.size === seeds.length) return;
    if (!isStill && learner.hasStep && !(await learner.hasStep(step + stride))) {
      yield { kind: 'alive', step, update, save };
      continue;
    }
    let updates = 1;
    if (isStill) await phases!.learn(step, update);
    else {
      step += stride;
      updates = await learner.round(step, update);
    }
    update += updates;
    if (updates > 0 && plan.gradients && agent.gradientFlow) {
      for (const [member, rows] of (await agent.gradientFlow.drain()).entries()) {
        if (rows.length === 0 || failed.has(member)) continue;
        yield { kind: 'gradients', member, rows: rows.map((row) => ({ env_step: step, ...row })) };
      }
    }
    // Where a round makes several updates, the row comes after the last of them.
    const logDue = update % plan.logEvery < updates;
    const evaluationDue = isEvaluated(plan, step) && !phases?.isDue(step, update);
    if (logDue || evaluationDue) {
      await losses.drain();
      for (const { member, ...failure } of losses.failures()) {
        if (failed.has(member)) continue;
        failed.add(member);
        yield { kind: 'failure', member, step, ...failure };
      }
      for (const [member, rows] of (learner.episodes?.drain(step) ?? []).entries()) {
        if (rows.length > 0 && !failed.has(member)) yield { kind: 'episodes', member, rows };
      }
    }
    if (logDue) {
      for (const [member, row] of (await losses.flush()).entries()) {
        if (!failed.has(member)) yield { kind: 'losses', member, row: { env_step: step, update, ...row } };
      }
    }
    if (evaluationDue) owing = new Set([...seeds.keys()].filter((member) => !failed.has(member)));
    else if (updates > 0) yield { kind: 'step', step, update, save };
    else if ((step / stride) % ALIVE_EVERY === 0) yield { kind: 'alive', step, update, save };
  }
}

/** What one evaluation measured of a member, and the first episodes that its averaged policy played. */
export interface Measured {
  row: Row;
  recorded: Sequences;
}

/**
 * One evaluation of every member: greedy episodes with both policies from the same starts, or with the averaged one alone,
 * then the model's own metrics. Yields as `evaluate` does.
 */
export async function* measure(
  agent: Agent,
  entry: EnvironmentEntry,
  { episodes, online: isOnlineAsked = true }: Omit<TrainingPlan['evaluation'], 'every'>,
  heldOut: () => Sequences,
  seeds: readonly number[],
  step: number,
): AsyncGenerator<void, Measured[], void> {
  const streams = () => evaluationStreams(seeds, `evaluation/${step}`);
  const entries = seeds.map(() => entry);
  const average = yield* evaluate(agent, entries, 'average', episodes, RECORDED_EPISODES, streams());
  const isPlayedAgain = !agent.hasOnePolicy && isOnlineAsked;
  const again = isPlayedAgain ? yield* evaluate(agent, entries, 'online', episodes, 0, streams()) : undefined;
  const online = agent.hasOnePolicy ? average : again;
  const own = average.map(({ recorded }) => recorded);
  const steps = seeds.map(() => step);
  const diagnoses = await agent.diagnose(heldOut, own, steps);
  return diagnoses.map((diagnosis, member) => ({
    row: {
      ...returnStatistics(average[member]!.episodes),
      reward_mean_online: online ? returnStatistics(online[member]!.episodes).reward_mean : null,
      episodes,
      ...roundRow(diagnosis),
    },
    recorded: own[member]!,
  }));
}
