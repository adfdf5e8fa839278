import type { EnvironmentEntry } from '../../envs/index.ts';
import type { AgentState, Learner } from '../../training/agent.ts';
import { Collector } from '../../training/collector.ts';
import { EpisodeLog } from '../../training/episode-log.ts';
import type { DynaAgent } from './agent.ts';

/** One environment per member, and an update after every step. */
export class DynaLearner implements Learner {
  readonly environments = 1;
  readonly episodes: EpisodeLog;
  readonly #agent: DynaAgent;
  readonly #collector: Collector;

  constructor(agent: DynaAgent, environment: EnvironmentEntry, seeds: readonly number[]) {
    this.#agent = agent;
    this.#collector = new Collector(agent, environment, seeds, this.environments);
    this.episodes = new EpisodeLog(seeds.length, this.environments);
  }

  async round(step: number): Promise<number> {
    const taken = await this.#collector.step();
    const { observation, nextObservation, action, reward, terminated } = taken;
    this.#agent.learn(
      Array.from(reward, (received, member) => ({
        state: this.#agent.stateOf(observation, member),
        action: action[member]!,
        reward: received,
        next: this.#agent.stateOf(nextObservation, member),
        terminated: terminated[member] === 1,
      })),
    );
    this.episodes.record(taken, step);
    return 1;
  }

  save(member: number): AgentState {
    const { arrays, streams } = this.#collector.save(member);
    return { arrays: { ...arrays, ...this.episodes.save(member) }, streams };
  }

  load(member: number, state: AgentState): void {
    this.#collector.load(member, state);
    this.episodes.load(member, state.arrays);
  }
}
