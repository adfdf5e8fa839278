import type { EnvironmentEntry, FiniteStates } from '../../envs/index.ts';
import { RandomStream } from '../../random/stream.ts';
import { mean } from '../../statistics.ts';
import type { ActingMode, Decision, PolicyName, Situation } from '../../training/acting.ts';
import type { Agent, AgentState, Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import type { Sequences } from '../../training/replay.ts';
import { DynaLearner } from './learner.ts';
import type { DynaSettings } from './settings.ts';
import { LOSS_TERMS, TableLearner } from './table-learner.ts';
import type { Transition } from './table-model.ts';

/** Tabular Dyna: the registry's entry. */
export const dyna: Method<DynaSettings> = {
  create: (members, spaces) => new DynaAgent(members, spaces),
};

/** A table for each member, plain arrays that no engine sees. The policy that is trained is the one that is evaluated. */
export class DynaAgent implements Agent {
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = ['episode_length'];
  readonly logsEpisodes = true;
  readonly hasOnePolicy = true;
  readonly carrySize = 0;
  readonly noise = {
    sampled: [{ distribution: 'uniform', size: 2 }],
    greedy: [{ distribution: 'uniform', size: 1 }],
  } as const;

  readonly #seeds: readonly number[];
  readonly #states: FiniteStates;
  readonly #observation: number;
  readonly #tables: readonly TableLearner[];
  /** Which pairs planning draws: apart from acting, so that the first episode is the same for every n. */
  #planning: RandomStream[];
  #losses: Row[][] = [];

  constructor(members: readonly Member<DynaSettings>[], spaces: AgentSpaces) {
    this.#states = spaces.states!;
    this.#observation = spaces.observation;
    this.#seeds = members.map(({ seed }) => seed);
    this.#tables = members.map(
      ({ settings }) => new TableLearner(settings, this.#states.count, spaces.actions),
    );
    this.#planning = this.#seeds.map((seed) => RandomStream.named(seed, 'planning'));
  }

  async act({ observations, noise }: Situation, _: PolicyName, mode: ActingMode): Promise<Decision> {
    const count = observations.length / this.#observation;
    const each = count / this.#tables.length;
    const actions = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const table = this.#tables[Math.floor(i / each)]!;
      const state = this.stateOf(observations, i);
      actions[i] =
        mode === 'greedy'
          ? table.exploit(state, noise[i]!)
          : table.explore(state, noise[2 * i]!, noise[2 * i + 1]!);
    }
    return { actions, carry: new Float32Array(0) };
  }

  /** The state that the observation of one environment shows, an index into [members × environments]. */
  stateOf(observations: Float32Array, index: number): number {
    const from = index * this.#observation;
    return this.#states.indexOf(observations.subarray(from, from + this.#observation));
  }

  /** Learns from one step of every member. */
  learn(steps: readonly Transition[]): void {
    this.#losses.push(
      steps.map((step, member) => this.#tables[member]!.learn(step, this.#planning[member]!)),
    );
  }

  learner(environment: EnvironmentEntry): DynaLearner {
    return new DynaLearner(this, environment, this.#seeds);
  }

  async drainLosses(): Promise<Row[][]> {
    const drained = this.#losses;
    this.#losses = [];
    return drained;
  }

  /** Steps of the evaluation's first episodes in the mean: where the return says only that the goal was reached. */
  async diagnose(_: () => Sequences, own: readonly Sequences[]): Promise<Row[]> {
    return own.map(({ batch, time, mask }) => {
      const lengths = Array.from({ length: batch }, (_, i) =>
        mask.subarray(i * time, (i + 1) * time).reduce((sum, x) => sum + x, 0),
      );
      return { episode_length: mean(lengths) };
    });
  }

  async save(): Promise<AgentState[]> {
    return this.#tables.map((table, member) => ({
      arrays: table.save(),
      streams: { planning: this.#planning[member]!.state() },
    }));
  }

  load(states: readonly AgentState[]): void {
    for (const [member, { arrays }] of states.entries()) this.#tables[member]!.load(arrays);
    this.#planning = states.map(({ streams }) => RandomStream.fromState(streams.planning!));
  }

  dispose(): void {}
}
