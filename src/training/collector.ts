import type { EnvironmentEntry } from '../envs/index.ts';
import { VectorEnvironment } from '../envs/vector.ts';
import { RandomStream } from '../random/stream.ts';
import type { Agent, AgentState } from './agent.ts';
import { Replay } from './replay.ts';

/** One member's part: its experience and its streams. */
interface Lane {
  replay: Replay;
  /** Start states of episodes. */
  resets: RandomStream;
  /** Uniformly random actions, before training. */
  exploration: RandomStream;
  /** Gumbel noise of the policy's actions. */
  acting: RandomStream;
  /** Whether the next step starts an episode. */
  first: boolean;
}

/** Gathers experience: one environment per member, stepped together, each into its own replay. */
export class Collector {
  readonly #environments: VectorEnvironment;
  readonly #lanes: Lane[];
  readonly #actions: number;
  readonly #actionsChosen: Int32Array;
  readonly #gumbel: Float32Array;

  constructor({ make }: EnvironmentEntry, seeds: readonly number[], capacity: number) {
    this.#environments = new VectorEnvironment(seeds.map(make));
    const { actionSpace, observations } = this.#environments;
    if (actionSpace.kind !== 'discrete') throw new Error('collecting needs a discrete action space');
    this.#actions = actionSpace.n;
    this.#actionsChosen = new Int32Array(seeds.length);
    this.#gumbel = new Float32Array(seeds.length * actionSpace.n);
    const observationSize = observations.length / seeds.length;
    this.#lanes = seeds.map((seed) => ({
      replay: new Replay(capacity, observationSize),
      resets: RandomStream.named(seed, 'environment'),
      exploration: RandomStream.named(seed, 'exploration'),
      acting: RandomStream.named(seed, 'acting'),
      first: true,
    }));
    this.#lanes.forEach(({ resets }, i) => {
      this.#environments.reset(i, resets);
    });
  }

  get replays(): readonly Replay[] {
    return this.#lanes.map(({ replay }) => replay);
  }

  /** One step of every member with a uniformly random action. */
  stepRandomly(): void {
    this.#lanes.forEach(({ exploration }, i) => {
      this.#actionsChosen[i] = exploration.integer(this.#actions);
    });
    this.#step(this.#actionsChosen);
  }

  /** One step of every member with an action sampled from its online policy. */
  async step(agent: Agent): Promise<void> {
    this.#lanes.forEach(({ acting }, i) => {
      acting.fillGumbel(this.#gumbel.subarray(i * this.#actions, (i + 1) * this.#actions));
    });
    this.#step(await agent.act(this.#environments.observations, 'online', this.#gumbel));
  }

  #step(actions: Int32Array): void {
    const { observations, nextObservations, rewards, terminated, truncated } = this.#environments;
    const size = observations.length / this.#lanes.length;
    const before = observations.slice();
    this.#environments.step(actions);
    for (const [i, lane] of this.#lanes.entries()) {
      lane.replay.add({
        observation: before.subarray(i * size, (i + 1) * size),
        action: actions[i]!,
        reward: rewards[i]!,
        nextObservation: nextObservations.subarray(i * size, (i + 1) * size),
        terminated: terminated[i] === 1,
        first: lane.first,
      });
      lane.first = terminated[i] === 1 || truncated[i] === 1;
      if (lane.first) this.#environments.reset(i, lane.resets);
    }
  }

  /** One member's replay, environment and streams. The arrays are views: write them before the next step. */
  save(member: number): AgentState {
    const { replay, resets, exploration, acting, first } = this.#lanes[member]!;
    const state = Float64Array.from(this.#environments.state(member));
    return {
      arrays: {
        ...replay.save(),
        'environment.state': { shape: [state.length], data: state },
        'environment.first': { shape: [1], data: Uint8Array.of(Number(first)) },
      },
      streams: { environment: resets.state(), exploration: exploration.state(), acting: acting.state() },
    };
  }

  /** Takes over what `save` gave. */
  load(member: number, { arrays, streams }: AgentState): void {
    const lane = this.#lanes[member]!;
    lane.replay.load(arrays);
    lane.first = arrays['environment.first']!.data[0] === 1;
    lane.resets = RandomStream.fromState(streams.environment!);
    lane.exploration = RandomStream.fromState(streams.exploration!);
    lane.acting = RandomStream.fromState(streams.acting!);
    this.#environments.setState(member, [...arrays['environment.state']!.data]);
  }
}
