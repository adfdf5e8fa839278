import type { EnvironmentEntry } from '../../envs/index.ts';
import type { Actor } from '../../training/acting.ts';
import type { Agent, AgentState, Learner } from '../../training/agent.ts';
import { agentSpaces } from '../../training/agent-spaces.ts';
import { Collector } from '../../training/collector.ts';
import type { Step } from '../../training/environment-steps.ts';
import { memberPart } from '../../training/member-part.ts';
import type { Observations } from '../../training/observations.ts';
import { BATCH_FIELDS, type Batch, compactBatch } from '../../training/replay.ts';
import type { NamedArray } from '../../training/state.ts';

/** An agent that learns from roll-outs of its present policy. */
export interface RolloutAgent extends Agent {
  /**
   * The gradient updates that a roll-out is good for.
   *
   * @param rollout one sequence per environment, whose steps follow each other: [members, environments, time, …]
   * @param step environment steps each member has taken
   * @param update updates made before
   * @returns updates made
   */
  learn(rollout: Batch<Observations>, step: number, update: number): number;
}

/** On-policy learning: several environments per member, some steps in each, then the updates, and all is forgotten. */
export class RolloutLearner implements Learner {
  readonly environments: number;
  readonly #agent: Pick<RolloutAgent, 'learn'>;
  readonly #collector: Collector;
  readonly #rollout: Batch<Observations>;
  /** Steps of each environment in the roll-out so far. */
  #filled = 0;

  /**
   * @param environments of each member
   * @param steps of each environment in a roll-out
   */
  constructor(
    agent: Actor & Pick<RolloutAgent, 'learn'>,
    environment: EnvironmentEntry,
    seeds: readonly number[],
    environments: number,
    steps: number,
  ) {
    this.environments = environments;
    this.#agent = agent;
    this.#collector = new Collector(agent, environment, seeds, environments);
    this.#rollout = compactBatch(seeds.length, environments, steps, agentSpaces(environment));
  }

  async round(step: number, update: number): Promise<number> {
    this.#remember(await this.#collector.step());
    if (this.#filled < this.#rollout.time) return 0;
    this.#filled = 0;
    return this.#agent.learn(this.#rollout, step, update);
  }

  /** Writes the step of environment i to row i, column `filled`. */
  #remember(step: Step): void {
    const { time } = this.#rollout;
    const count = step.reward.length;
    for (const field of BATCH_FIELDS) {
      const [from, to] = [step[field], this.#rollout[field]];
      const size = from.length / count;
      for (let i = 0; i < count; i++) {
        to.set(from.subarray(i * size, (i + 1) * size), (i * time + this.#filled) * size);
      }
    }
    this.#filled++;
  }

  save(member: number): AgentState {
    const { arrays, streams } = this.#collector.save(member);
    const rollout = BATCH_FIELDS.map((field): [string, NamedArray] => {
      const data = this.#own(field, member);
      return [`rollout.${field}`, { shape: [data.length], data }];
    });
    const filled: NamedArray = { shape: [1], data: Int32Array.of(this.#filled) };
    return { arrays: { ...arrays, ...Object.fromEntries(rollout), 'rollout.filled': filled }, streams };
  }

  load(member: number, state: AgentState): void {
    this.#collector.load(member, state);
    for (const field of BATCH_FIELDS) this.#own(field, member).set(state.arrays[`rollout.${field}`]!.data);
    this.#filled = state.arrays['rollout.filled']!.data[0]!;
  }

  /** One member's view of a field. */
  #own(field: (typeof BATCH_FIELDS)[number], member: number): NamedArray['data'] {
    return memberPart(this.#rollout[field], this.#rollout.members, member);
  }
}
