import type { EnvironmentEntry } from '../envs/index.ts';
import { VectorEnvironment } from '../envs/vector.ts';
import { RandomStream } from '../random/stream.ts';
import type { Agent, AgentState } from './agent.ts';
import { memberPart } from './member-part.ts';

/** One step of every environment of every member, raw units. The arrays are overwritten by the next step. */
export interface Step {
  /** o: [members, environments, observation] */
  observation: Float32Array;
  /** o′, where an episode ended its last observation: [members, environments, observation] */
  nextObservation: Float32Array;
  /** [members, environments] each */
  action: Int32Array;
  reward: Float32Array;
  /** 1 where o′ is terminal; a truncation is not a termination. */
  terminated: Uint8Array;
  /** 1 where o starts an episode. */
  first: Uint8Array;
}

/** One member's streams. */
interface Streams {
  /** Start states of episodes. */
  environment: RandomStream;
  /** Uniformly random actions, before training. */
  exploration: RandomStream;
  /** Gumbel noise of the policy's actions. */
  acting: RandomStream;
}

/** Acts in the environments of all members, stepped together; an episode that ends is followed by the next. */
export class Collector {
  /** Environments of each member. */
  readonly environments: number;
  readonly #vector: VectorEnvironment;
  readonly #streams: Streams[];
  readonly #actions: number;
  readonly #gumbel: Float32Array;
  readonly #step: Step;
  /** 1 where the next step starts an episode: [members, environments] */
  readonly #starts: Uint8Array;

  constructor({ make }: EnvironmentEntry, seeds: readonly number[], environments: number) {
    this.environments = environments;
    const count = seeds.length * environments;
    this.#vector = new VectorEnvironment(Array.from({ length: count }, make));
    const { actionSpace, observations, nextObservations, rewards, terminated } = this.#vector;
    if (actionSpace.kind !== 'discrete') throw new Error('collecting needs a discrete action space');
    this.#actions = actionSpace.n;
    this.#gumbel = new Float32Array(count * actionSpace.n);
    this.#starts = new Uint8Array(count).fill(1);
    this.#step = {
      observation: new Float32Array(observations.length),
      nextObservation: nextObservations,
      action: new Int32Array(count),
      reward: rewards,
      terminated: new Uint8Array(terminated.length),
      first: new Uint8Array(count),
    };
    this.#streams = seeds.map((seed) => ({
      environment: RandomStream.named(seed, 'environment'),
      exploration: RandomStream.named(seed, 'exploration'),
      acting: RandomStream.named(seed, 'acting'),
    }));
    for (let i = 0; i < count; i++) this.#reset(i);
  }

  /** One step with uniformly random actions. */
  stepRandomly(): Step {
    const { action } = this.#step;
    for (let i = 0; i < action.length; i++) action[i] = this.#of(i).exploration.integer(this.#actions);
    return this.#take();
  }

  /** One step with actions sampled from the online policy. */
  async step(agent: Pick<Agent, 'act'>): Promise<Step> {
    for (const [member, { acting }] of this.#streams.entries()) {
      acting.fillGumbel(memberPart(this.#gumbel, this.#streams.length, member));
    }
    this.#step.action.set(await agent.act(this.#vector.observations, 'online', this.#gumbel));
    return this.#take();
  }

  #take(): Step {
    const { observation, action, terminated, first } = this.#step;
    observation.set(this.#vector.observations);
    first.set(this.#starts);
    this.#vector.step(action);
    // A copy, because a reset clears the original.
    terminated.set(this.#vector.terminated);
    for (let i = 0; i < this.#starts.length; i++) {
      this.#starts[i] = Number(this.#vector.terminated[i] === 1 || this.#vector.truncated[i] === 1);
      if (this.#starts[i]) this.#reset(i);
    }
    return this.#step;
  }

  #reset(index: number): void {
    this.#vector.reset(index, this.#of(index).environment);
  }

  /** The streams of the member that environment `index` is of. */
  #of(index: number): Streams {
    return this.#streams[Math.floor(index / this.environments)]!;
  }

  /** One member's environments and streams. */
  save(member: number): AgentState {
    const { environment, exploration, acting } = this.#streams[member]!;
    const from = member * this.environments;
    const states = Array.from({ length: this.environments }, (_, i) => this.#vector.state(from + i));
    const first = this.#starts.slice(from, from + this.environments);
    return {
      arrays: {
        'environment.state': {
          shape: [this.environments, states[0]!.length],
          data: Float64Array.from(states.flat()),
        },
        'environment.first': { shape: [this.environments], data: first },
      },
      streams: {
        environment: environment.state(),
        exploration: exploration.state(),
        acting: acting.state(),
      },
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where a value is out of its range. */
  load(member: number, { arrays, streams }: AgentState): void {
    this.#streams[member] = {
      environment: RandomStream.fromState(streams.environment!),
      exploration: RandomStream.fromState(streams.exploration!),
      acting: RandomStream.fromState(streams.acting!),
    };
    const from = member * this.environments;
    this.#starts.set(arrays['environment.first']!.data, from);
    const states = [...arrays['environment.state']!.data];
    const size = states.length / this.environments;
    for (let i = 0; i < this.environments; i++) {
      this.#vector.setState(from + i, states.slice(i * size, (i + 1) * size));
    }
  }
}
