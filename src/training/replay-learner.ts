import type { EnvironmentEntry } from '../envs/index.ts';
import type { Space } from '../envs/spaces.ts';
import { RandomStream } from '../random/stream.ts';
import type { Actor } from './acting.ts';
import { requireActions } from './actions.ts';
import type { Agent, AgentState, Learner } from './agent.ts';
import { agentSpaces } from './agent-spaces.ts';
import { Collector, type Step } from './collector.ts';
import { type Batch, emptyBatch, Replay } from './replay.ts';
import type { TimedParts } from './update-parts.ts';

/** When to update, and on what; the method's config keys of the same names describe them. */
export interface ReplaySettings {
  randomSteps: number;
  randomHold: number;
  updateEvery: number;
  replay: { capacity: number; batch: number; length: number };
}

/** An agent that learns from replayed windows of experience. */
export interface ReplayAgent extends Agent {
  /**
   * One gradient update of every member.
   *
   * @param step environment steps each member has taken
   * @param update number of this update, from 1
   */
  update(batch: Batch, step: number, update: number): void;

  /** The parts of an update on such a batch, for `wm bench`. Absent in a method that is timed as a whole. */
  timedParts?(batch: Batch): TimedParts;
}

/**
 * Learning from replay: one environment per member, random actions first, then the policy's, and an update on windows
 * of all experience every few steps.
 */
export class ReplayLearner implements Learner {
  readonly environments = 1;
  readonly #agent: Pick<ReplayAgent, 'update'>;
  readonly #settings: ReplaySettings;
  readonly #collector: Collector;
  readonly #replays: Replay[];
  readonly #actionSpace: Space;
  /** Per member: which windows are drawn. */
  readonly #samplers: RandomStream[];
  readonly #batch: Batch;

  constructor(
    agent: Actor & Pick<ReplayAgent, 'update'>,
    environment: EnvironmentEntry,
    seeds: readonly number[],
    settings: ReplaySettings,
  ) {
    const { capacity, batch, length } = settings.replay;
    const spaces = agentSpaces(environment);
    this.#actionSpace = spaces.actionSpace;
    this.#agent = agent;
    this.#settings = settings;
    this.#collector = new Collector(agent, environment, seeds, this.environments, settings.randomHold);
    this.#replays = seeds.map(() => new Replay(capacity, spaces));
    this.#samplers = seeds.map((seed) => RandomStream.named(seed, 'replay'));
    this.#batch = emptyBatch(seeds.length, batch, length, spaces);
  }

  async round(step: number, update: number): Promise<number> {
    const { randomSteps, updateEvery } = this.#settings;
    if (step <= randomSteps) this.collectRandomly();
    else await this.collect();
    const trained = step - randomSteps;
    if (trained <= 0 || trained % updateEvery !== 0) return 0;
    this.#agent.update(this.sample(), step, update + 1);
    return 1;
  }

  /** One step of every member with a uniformly random action, into its replay. */
  collectRandomly(): void {
    this.#remember(this.#collector.stepRandomly());
  }

  /** One step of every member with an action sampled from its online policy, into its replay. */
  async collect(): Promise<void> {
    this.#remember(await this.#collector.step());
  }

  /** Windows drawn from every member's replay; the next call overwrites them. */
  sample(): Batch {
    for (const [member, replay] of this.#replays.entries()) {
      replay.sample(this.#samplers[member]!, this.#batch, member);
    }
    return this.#batch;
  }

  #remember({ observation, nextObservation, action, reward, terminated, first }: Step): void {
    for (const [i, replay] of this.#replays.entries()) {
      const { observationSize: size, actionSize: width } = replay;
      replay.add({
        observation: observation.subarray(i * size, (i + 1) * size),
        action: action.subarray(i * width, (i + 1) * width),
        reward: reward[i]!,
        nextObservation: nextObservation.subarray(i * size, (i + 1) * size),
        terminated: terminated[i] === 1,
        first: first[i] === 1,
      });
    }
  }

  save(member: number): AgentState {
    const collected = this.#collector.save(member);
    return {
      arrays: { ...this.#replays[member]!.save(), ...collected.arrays },
      streams: { ...collected.streams, replay: this.#samplers[member]!.state() },
    };
  }

  load(member: number, state: AgentState): void {
    requireActions(this.#actionSpace, state.arrays['replay.action']!.data);
    this.#collector.load(member, state);
    this.#replays[member]!.load(state.arrays);
    this.#samplers[member] = RandomStream.fromState(state.streams.replay!);
  }
}
