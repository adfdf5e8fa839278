import type { EnvironmentEntry } from '../envs/index.ts';
import { VectorEnvironment } from '../envs/vector.ts';
import { RandomStream } from '../random/stream.ts';
import { ActingLoop, type Actor } from './acting.ts';
import { type Actions, emptyActions } from './actions.ts';
import type { AgentState } from './agent.ts';
import { RandomActions } from './random-actions.ts';

/** One step of every environment of every member, raw units. The arrays are overwritten by the next step. */
export interface Step {
  /** o: [members, environments, observation] */
  observation: Float32Array;
  /** o′, where an episode ended its last observation: [members, environments, observation] */
  nextObservation: Float32Array;
  /** [members, environments, actionSize] */
  action: Actions;
  /** [members, environments] each */
  reward: Float32Array;
  /** 1 where o′ is terminal; a truncation is not a termination. */
  terminated: Uint8Array;
  /** 1 where o starts an episode. */
  first: Uint8Array;
  /** 1 where o′ ends one, either way. */
  ended: Uint8Array;
  /** What the agent carries on from the step; where it acted at random, what it carried to it: [members, environments, carry] */
  carry: Float32Array;
}

/** One member's streams. */
interface Streams {
  /** Start states of episodes. */
  environment: RandomStream;
  /** Uniformly random actions, before training. */
  exploration: RandomStream;
  /** Noise of the policy's actions. */
  acting: RandomStream;
}

/** Acts in the environments of all members, stepped together; an episode that ends is followed by the next. */
export class Collector {
  /** Environments of each member. */
  readonly environments: number;
  readonly #vector: VectorEnvironment;
  readonly #streams: Streams[];
  readonly #acting: ActingLoop;
  readonly #random: RandomActions;
  readonly #step: Step;
  /** 1 where the next step starts an episode: [members, environments] */
  readonly #starts: Uint8Array;

  /**
   * @param environments of each member
   * @param randomHold mean steps for which a random action is held
   */
  constructor(
    actor: Actor,
    { make }: EnvironmentEntry,
    seeds: readonly number[],
    environments: number,
    randomHold = 1,
  ) {
    this.environments = environments;
    const count = seeds.length * environments;
    this.#vector = new VectorEnvironment(Array.from({ length: count }, make));
    const { actionSpace, observations, nextObservations, rewards, terminated } = this.#vector;
    this.#acting = new ActingLoop(actor, 'online', 'sampled', seeds.length, environments);
    this.#random = new RandomActions(actionSpace, count, randomHold);
    this.#starts = new Uint8Array(count).fill(1);
    this.#step = {
      observation: new Float32Array(observations.length),
      nextObservation: nextObservations,
      action: emptyActions(actionSpace, count),
      reward: rewards,
      terminated: new Uint8Array(terminated.length),
      first: new Uint8Array(count),
      ended: this.#starts,
      carry: new Float32Array(this.#acting.carry.length),
    };
    this.#streams = seeds.map((seed) => ({
      environment: RandomStream.named(seed, 'environment'),
      exploration: RandomStream.named(seed, 'exploration'),
      acting: RandomStream.named(seed, 'acting'),
    }));
    for (let i = 0; i < count; i++) this.#reset(i);
  }

  /** One step with uniformly random actions; what an agent carries stays as it is. */
  stepRandomly(): Step {
    this.#step.action.set(this.#random.next((i) => this.#of(i).exploration));
    return this.#take();
  }

  /** One step with actions sampled from the online policy. */
  async step(): Promise<Step> {
    const streams = this.#streams.map(({ acting }) => acting);
    this.#step.action.set(await this.#acting.act(this.#vector.observations, streams));
    return this.#take();
  }

  #take(): Step {
    const { observation, action, terminated, first, carry } = this.#step;
    observation.set(this.#vector.observations);
    first.set(this.#starts);
    // A copy, because an episode that ends is forgotten.
    carry.set(this.#acting.carry);
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
    this.#acting.forget(index);
    this.#random.release(index);
  }

  /** The streams of the member that environment `index` is of. */
  #of(index: number): Streams {
    return this.#streams[Math.floor(index / this.environments)]!;
  }

  /** One member's environments and streams. */
  save(member: number): AgentState {
    const { environment, exploration, acting } = this.#streams[member]!;
    const [from, to] = [member * this.environments, (member + 1) * this.environments];
    const { carry, carrySize } = this.#acting;
    const states = Array.from({ length: this.environments }, (_, i) => this.#vector.state(from + i));
    const first = this.#starts.slice(from, to);
    return {
      arrays: {
        'environment.state': {
          shape: [this.environments, states[0]!.length],
          data: Float64Array.from(states.flat()),
        },
        'environment.first': { shape: [this.environments], data: first },
        ...(carrySize > 0 && {
          'acting.carry': {
            shape: [this.environments, carrySize],
            data: carry.slice(from * carrySize, to * carrySize),
          },
        }),
        ...this.#random.save(from, to),
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
    const { carry, carrySize } = this.#acting;
    if (carrySize > 0) carry.set(arrays['acting.carry']!.data, from * carrySize);
    this.#random.load(arrays, from);
    const states = [...arrays['environment.state']!.data];
    const size = states.length / this.environments;
    for (let i = 0; i < this.environments; i++) {
      this.#vector.setState(from + i, states.slice(i * size, (i + 1) * size));
    }
  }
}
