import type { EnvironmentEntry } from '../envs/index.ts';
import { RandomStream } from '../random/stream.ts';
import { ActingLoop, type Actor } from './acting.ts';
import type { Actions } from './actions.ts';
import type { AgentState } from './agent.ts';
import { EnvironmentSteps, type Step } from './environment-steps.ts';
import { RandomActions } from './random-actions.ts';

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
  readonly #steps: EnvironmentSteps;
  readonly #streams: Streams[];
  readonly #acting: ActingLoop;
  readonly #random: RandomActions;

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
    this.#acting = new ActingLoop(actor, 'online', 'sampled', seeds.length, environments);
    this.#steps = new EnvironmentSteps(Array.from({ length: count }, make), this.#acting.carry.length);
    this.#random = new RandomActions(this.#steps.vector.actionSpace, count, randomHold);
    this.#streams = seeds.map((seed) => ({
      environment: RandomStream.named(seed, 'environment'),
      exploration: RandomStream.named(seed, 'exploration'),
      acting: RandomStream.named(seed, 'acting'),
    }));
    for (let i = 0; i < count; i++) this.#steps.vector.reset(i, this.#begin(i));
  }

  /** One step with uniformly random actions; what an agent carries stays as it is. */
  stepRandomly(): Step {
    return this.#take(this.#random.next((i) => this.#of(i).exploration));
  }

  /** One step with actions sampled from the online policy. */
  async step(): Promise<Step> {
    const streams = this.#streams.map(({ acting }) => acting);
    return this.#take(await this.#acting.act(this.#steps.vector.observations, streams));
  }

  #take(actions: Actions): Step {
    return this.#steps.take(actions, this.#acting.carry, (index) => this.#begin(index));
  }

  /** The stream from which an environment's next episode starts; forgets the one before. */
  #begin(index: number): RandomStream {
    this.#acting.forget(index);
    this.#random.release(index);
    return this.#of(index).environment;
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
    const states = Array.from({ length: this.environments }, (_, i) => this.#steps.vector.state(from + i));
    const first = this.#steps.starts.slice(from, to);
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
    this.#steps.starts.set(arrays['environment.first']!.data, from);
    const { carry, carrySize } = this.#acting;
    if (carrySize > 0) carry.set(arrays['acting.carry']!.data, from * carrySize);
    this.#random.load(arrays, from);
    const states = [...arrays['environment.state']!.data];
    const size = states.length / this.environments;
    for (let i = 0; i < this.environments; i++) {
      this.#steps.vector.setState(from + i, states.slice(i * size, (i + 1) * size));
    }
  }
}
