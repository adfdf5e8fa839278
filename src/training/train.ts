import { type EnvironmentEntry, environmentEntry } from '../envs/index.ts';
import { spaceSize } from '../envs/spaces.ts';
import { RandomStream } from '../random/stream.ts';
import type { Agent, AgentSpaces } from './agent.ts';
import { Collector } from './collector.ts';
import { evaluate, returnStatistics } from './evaluate.ts';
import type { Row, TrainingEvent } from './events.ts';
import { heldOutSet } from './held-out.ts';
import { emptyBatch, type Sequences } from './replay.ts';
import type { MemberState } from './state.ts';

/** The settings of the loop itself; all counts are environment steps of one member but `logEvery` (updates). */
export interface TrainingPlan {
  environment: string;
  steps: number;
  randomSteps: number;
  updateEvery: number;
  replay: { capacity: number; batch: number; length: number };
  logEvery: number;
  evaluation: { every: number; episodes: number };
}

/** Own evaluation episodes that are recorded for the model's metrics. */
export const RECORDED_EPISODES = 20;

/** Columns of losses.csv. */
export const lossColumns = (agent: Agent): string[] => ['seed', 'env_step', 'update', ...agent.lossTerms];

/** Columns of metrics.csv. */
export const metricColumns = (agent: Agent): string[] => [
  ...['seed', 'env_step', 'update', 'wall_seconds'],
  ...['reward_mean', 'reward_std', 'reward_min', 'reward_max', 'reward_mean_online', 'episodes'],
  ...agent.diagnostics,
];

/** What an agent must know of an environment with discrete actions. */
export function agentSpaces({ make, observationScale }: EnvironmentEntry): AgentSpaces {
  const { observationSpace, actionSpace } = make();
  return { observation: spaceSize(observationSpace), observationScale, actions: spaceSize(actionSpace) };
}

/**
 * Trains all members of an agent side by side: random steps first, then an update every few steps, an evaluation at
 * every multiple of `evaluation.every` and at the end. State in, events out: it writes nothing, prints nothing and
 * reads no clock. Resuming is calling it with states saved earlier, all at the same step; stopping is asking for no
 * further event.
 *
 * @param seeds one per member, in the agent's order
 * @param states one per member, or none for a fresh start
 */
export async function* train(
  agent: Agent,
  plan: TrainingPlan,
  seeds: readonly number[],
  states?: readonly MemberState[],
): AsyncGenerator<TrainingEvent, void, void> {
  const entry = environmentEntry(plan.environment);
  const collector = new Collector(entry, seeds, plan.replay.capacity);
  const samplers = seeds.map((seed) => RandomStream.named(seed, 'replay'));
  const { batch: windows, length } = plan.replay;
  const batch = emptyBatch(seeds.length, windows, length, spaceSize(entry.make().observationSpace));
  const heldOut = heldOutSet(entry);
  const losses = new LossLog(agent, seeds.length);
  const failed = new Set<number>();
  let { step, update } = states?.[0] ?? { step: 0, update: 0 };

  if (states) {
    agent.load(states);
    for (const [member, state] of states.entries()) {
      collector.load(member, state);
      losses.load(member, state);
      samplers[member] = RandomStream.fromState(state.streams.replay!);
    }
  }

  const save = async (): Promise<(MemberState | undefined)[]> => {
    await losses.drain();
    const agentStates = await agent.save();
    return seeds.map((_, member) => {
      if (!losses.isFinite(member)) return undefined;
      const own = agentStates[member]!;
      const collected = collector.save(member);
      return {
        step,
        update,
        arrays: { ...own.arrays, ...collected.arrays, ...losses.save(member) },
        streams: { ...own.streams, ...collected.streams, replay: samplers[member]!.state() },
      };
    });
  };

  while (step < plan.steps && failed.size < seeds.length) {
    if (step < plan.randomSteps) collector.stepRandomly();
    else await collector.step(agent);
    step++;

    const trained = step - plan.randomSteps;
    const updateDue = trained > 0 && trained % plan.updateEvery === 0;
    if (updateDue) {
      for (const [member, replay] of collector.replays.entries())
        replay.sample(samplers[member]!, batch, member);
      update++;
      agent.update(batch, step, update);
    }
    const logDue = updateDue && update % plan.logEvery === 0;
    const evaluationDue = step % plan.evaluation.every === 0 || step === plan.steps;
    if (logDue || evaluationDue) {
      await losses.drain();
      for (const { member, ...failure } of losses.failures()) {
        if (failed.has(member)) continue;
        failed.add(member);
        yield { kind: 'failure', member, step, ...failure };
      }
    }
    if (logDue) {
      for (const member of seeds.keys()) {
        const row = losses.flush(member);
        if (!failed.has(member)) yield { kind: 'losses', member, row: { env_step: step, update, ...row } };
      }
    }
    if (evaluationDue) {
      const rows = await measure(agent, entry, plan.evaluation.episodes, heldOut, seeds, step);
      for (const [member, row] of rows.entries()) {
        if (!failed.has(member))
          yield { kind: 'evaluation', member, row: { env_step: step, update, ...row } };
      }
    }
    if (updateDue || evaluationDue) yield { kind: 'step', step, update, save };
  }
}

/** One evaluation of every member: greedy episodes with both policies from the same starts, then the model's own metrics. */
export async function measure(
  agent: Agent,
  entry: EnvironmentEntry,
  episodes: number,
  heldOut: Sequences,
  seeds: readonly number[],
  step: number,
): Promise<Row[]> {
  const starts = () => seeds.map((seed) => RandomStream.named(seed, `evaluation/${step}`));
  const average = await evaluate(agent, entry, 'average', episodes, RECORDED_EPISODES, starts());
  const online = await evaluate(agent, entry, 'online', episodes, 0, starts());
  const own = average.map(({ recorded }) => recorded);
  const diagnoses = await agent.diagnose(heldOut, own, step);
  return diagnoses.map((diagnosis, member) => ({
    ...returnStatistics(average[member]!.episodes),
    reward_mean_online: returnStatistics(online[member]!.episodes).reward_mean,
    episodes,
    ...roundRow(diagnosis),
  }));
}

/** Values that were float32: 8 significant digits say all there is. */
function roundRow(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([key, x]) => [key, x === null ? null : Number(x.toPrecision(8))]),
  );
}

/** The loss terms since the last row of losses.csv, and the first of them that was not finite. */
class LossLog {
  readonly #agent: Agent;
  /** rows[member][update since the last flush] */
  readonly #pending: Row[][];
  readonly #updates: number[];
  readonly #failures = new Map<number, { update: number; reason: string }>();

  constructor(agent: Agent, members: number) {
    this.#agent = agent;
    this.#pending = Array.from({ length: members }, () => []);
    this.#updates = Array.from({ length: members }, () => 0);
  }

  /** Takes over the terms that the agent has gathered. */
  async drain(): Promise<void> {
    for (const rows of await this.#agent.drainLosses()) {
      for (const [member, row] of rows.entries()) {
        this.#pending[member]!.push(row);
        const update = ++this.#updates[member]!;
        if (!this.#failures.has(member)) this.#check(member, update, row);
      }
    }
  }

  /** Remembers the first term that is not finite; the total only if no other one is to blame. */
  #check(member: number, update: number, row: Row): void {
    const bad = Object.keys(row).filter((term) => row[term] !== null && !Number.isFinite(row[term]));
    const term = bad.find((name) => name !== 'loss') ?? bad[0];
    if (term)
      this.#failures.set(member, { update, reason: `${term} became ${row[term]} at update ${update}` });
  }

  /** Whether a member's losses and weights have been finite so far. */
  isFinite(member: number): boolean {
    return !this.#failures.has(member);
  }

  /** Members whose losses or weights stopped being finite, with the first term that did. */
  *failures(): Generator<{ member: number; update: number; reason: string }> {
    for (const [member, failure] of this.#failures) yield { member, ...failure };
  }

  /** The mean of each term over the updates since the last flush. */
  flush(member: number): Row {
    const rows = this.#pending[member]!.splice(0);
    const mean = (term: string) => {
      const values = rows.map((row) => row[term] ?? null);
      return values.includes(null) ? null : values.reduce((sum: number, x) => sum + x!, 0) / values.length;
    };
    return roundRow(Object.fromEntries(this.#agent.lossTerms.map((term) => [term, mean(term)])));
  }

  /** The pending rows, [updates, terms] with NaN where a term is absent, and how many updates there were. */
  save(member: number): MemberState['arrays'] {
    const terms = this.#agent.lossTerms;
    const rows = this.#pending[member]!;
    const data = Float64Array.from(rows.flatMap((row) => terms.map((term) => row[term] ?? Number.NaN)));
    return {
      'losses.pending': { shape: [rows.length, terms.length], data },
      'losses.updates': { shape: [1], data: Float64Array.of(this.#updates[member]!) },
    };
  }

  /** Takes over what `save` gave. */
  load(member: number, { arrays }: MemberState): void {
    const terms = this.#agent.lossTerms;
    const { data, shape } = arrays['losses.pending']!;
    this.#updates[member] = arrays['losses.updates']!.data[0]!;
    this.#pending[member] = Array.from({ length: shape[0]! }, (_, row) =>
      Object.fromEntries(
        terms.map((term, i) => {
          const value = data[row * terms.length + i]!;
          return [term, Number.isNaN(value) ? null : value];
        }),
      ),
    );
  }
}
