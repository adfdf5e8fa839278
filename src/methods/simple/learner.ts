import type { EnvironmentEntry } from '../../envs/index.ts';
import { fillStandardisation, standardisationSize } from '../../models/discrete-latent/standardisation.ts';
import { RandomStream } from '../../random/stream.ts';
import type { Actor } from '../../training/acting.ts';
import type { AgentState, Learner } from '../../training/agent.ts';
import { type AgentSpaces, agentSpaces } from '../../training/agent-spaces.ts';
import { Collector } from '../../training/collector.ts';
import { EpisodeLog } from '../../training/episode-log.ts';
import type { Batch } from '../../training/replay.ts';
import { drawObservations, Transitions } from '../../training/transitions.ts';
import { type SimpleSettings, updatesIn } from './settings.ts';

/** What an iteration does with an agent. */
export interface SimulatingAgent extends Actor {
  /**
   * One gradient update of every member's model.
   *
   * @param standardisation of all experience: [members, numbers]
   * @param update number of this update of the model, from 1
   */
  fit(batch: Batch, standardisation: Float32Array, update: number): void;
  /**
   * The policy's updates on one roll-out in the model.
   *
   * @param starts o that episodes may begin with, raw units: [members, environments, steps, observation]
   * @param step environment steps each member has taken
   * @param update updates of the policy made before
   * @returns updates made
   */
  improve(starts: Float32Array, step: number, update: number): number;
}

/**
 * SimPLe's loop (Kaiser et al. 2020, algorithm 1): the policy acts for a while, the model is fitted to all that was
 * experienced, and the policy learns in it, over and over. A round that ends an iteration makes all its updates.
 */
export class SimpleLearner implements Learner {
  readonly environments = 1;
  readonly episodes: EpisodeLog;
  readonly #agent: SimulatingAgent;
  readonly #settings: SimpleSettings;
  readonly #spaces: AgentSpaces;
  readonly #collector: Collector;
  readonly #transitions: Transitions;
  /** Which windows the model learns from, and where simulated episodes begin; one per member. */
  readonly #samplers: RandomStream[];

  constructor(
    agent: SimulatingAgent,
    environment: EnvironmentEntry,
    seeds: readonly number[],
    settings: SimpleSettings,
  ) {
    this.#agent = agent;
    this.#settings = settings;
    this.#spaces = agentSpaces(environment);
    this.#collector = new Collector(agent, environment, seeds, this.environments);
    this.#transitions = new Transitions(seeds.length, settings.replay, this.#spaces);
    this.#samplers = seeds.map((seed) => RandomStream.named(seed, 'replay'));
    this.episodes = new EpisodeLog(seeds.length, this.environments);
  }

  async round(step: number): Promise<number> {
    const taken = await this.#collector.step();
    this.#transitions.remember(taken);
    this.episodes.record(taken, step);
    return step % this.#settings.collect === 0 ? this.#iterate(step) : 0;
  }

  #iterate(step: number): number {
    const iteration = step / this.#settings.collect;
    const before = updatesIn(iteration - 1, this.#settings);
    const after = updatesIn(iteration, this.#settings);
    const standardisation = this.#standardisation();
    for (let update = before.model + 1; update <= after.model; update++) {
      this.#agent.fit(this.#transitions.sample(this.#samplers), standardisation, update);
    }
    for (let made = before.policy; made < after.policy; ) {
      made += this.#agent.improve(this.#starts(), step, made);
    }
    return after.model + after.policy - before.model - before.policy;
  }

  #standardisation(): Float32Array {
    const size = standardisationSize(this.#spaces);
    const all = new Float32Array(this.#samplers.length * size);
    for (const [member, replay] of this.#transitions.replays.entries()) {
      fillStandardisation(replay, this.#spaces, all.subarray(member * size, (member + 1) * size));
    }
    return all;
  }

  /** Observations drawn uniformly from all that were seen, so many that a simulated episode could begin at every step. */
  #starts(): Float32Array {
    const { environments, steps } = this.#settings.simulation;
    const each = environments * steps * this.#spaces.observation;
    const starts = new Float32Array(this.#samplers.length * each);
    drawObservations(this.#transitions.replays, this.#samplers, starts);
    return starts;
  }

  save(member: number): AgentState {
    const collected = this.#collector.save(member);
    return {
      arrays: {
        ...this.#transitions.save(member),
        ...collected.arrays,
        ...this.episodes.save(member),
      },
      streams: { ...collected.streams, replay: this.#samplers[member]!.state() },
    };
  }

  load(member: number, state: AgentState): void {
    this.#transitions.load(member, state.arrays);
    this.#collector.load(member, state);
    this.episodes.load(member, state.arrays);
    this.#samplers[member] = RandomStream.fromState(state.streams.replay!);
  }
}
