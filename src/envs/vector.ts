import type { RandomStream } from '../random/stream.ts';
import type { Action, Environment } from './environment.ts';
import { actionSize, type BoxSpace, type Space, spaceSize } from './spaces.ts';

/**
 * n environments of one kind, stepped in one call. The typed arrays are allocated once, belong to this object and are
 * overwritten in place: copy what must outlive the next call. Nothing is reset by itself: after a step that ended
 * an episode, the caller resets that index or leaves it out of the following steps.
 */
export class VectorEnvironment {
  readonly count: number;
  readonly observationSpace: BoxSpace;
  readonly actionSpace: Space;
  /** Numbers per action: 1 where actions are discrete, the size of the box elsewhere. */
  readonly actionSize: number;
  /** What each environment shows now, [n, observation size]: written by `reset`, `setState` and `step`. */
  readonly observations: Float32Array;
  /** What the last step led to, [n, observation size]: as `observations`, but a reset leaves an episode's end here. */
  readonly nextObservations: Float32Array;
  /** Reward of the last step, [n]; 0 where the environment was left out. */
  readonly rewards: Float32Array;
  /** 1 where the last step taken terminated the episode, [n]; a reset clears it. */
  readonly terminated: Uint8Array;
  /** 1 where the last step taken truncated the episode, [n]; a reset clears it. */
  readonly truncated: Uint8Array;
  readonly #environments: readonly Environment[];
  readonly #size: number;
  /** One environment's action in a box. */
  readonly #boxAction: Float32Array;

  /** Throws a RangeError unless there is at least one environment. */
  constructor(environments: readonly Environment[]) {
    const first = environments[0];
    if (!first) throw new RangeError('a vector environment needs at least one environment');
    this.#environments = environments;
    this.count = environments.length;
    this.observationSpace = first.observationSpace;
    this.actionSpace = first.actionSpace;
    this.#size = spaceSize(first.observationSpace);
    this.actionSize = actionSize(first.actionSpace);
    this.#boxAction = new Float32Array(this.actionSize);
    this.observations = new Float32Array(this.count * this.#size);
    this.nextObservations = new Float32Array(this.count * this.#size);
    this.rewards = new Float32Array(this.count);
    this.terminated = new Uint8Array(this.count);
    this.truncated = new Uint8Array(this.count);
  }

  /** Starts an episode of environment `index`. */
  reset(index: number, random: RandomStream): void {
    this.#begin(index, this.#at(index).reset(random));
  }

  /**
   * Steps every environment i with its action, or only those whose `active` is not 0. The others keep their
   * observations and ends. Throws a RangeError for an action that the environment refuses, an Error for an ended episode.
   *
   * @param actions [n] integers where actions are discrete, [n, actionSize] numbers where they lie in a box
   */
  step(actions: ArrayLike<number>, active?: Uint8Array): void {
    if (actions.length !== this.count * this.actionSize) {
      throw new RangeError(
        `expected ${this.count} actions, ${this.count * this.actionSize} numbers in all, got ${actions.length}`,
      );
    }
    for (let i = 0; i < this.count; i++) {
      if (active && !active[i]) {
        this.rewards[i] = 0;
        continue;
      }
      const { observation, reward, terminated, truncated } = this.#at(i).step(this.#actionOf(actions, i));
      this.observations.set(observation, i * this.#size);
      this.nextObservations.set(observation, i * this.#size);
      this.rewards[i] = reward;
      this.terminated[i] = Number(terminated);
      this.truncated[i] = Number(truncated);
    }
  }

  /** Everything the future of environment `index` depends on. */
  state(index: number): number[] {
    return this.#at(index).state();
  }

  /** Puts environment `index` where `state` was taken, in the middle of an open episode. */
  setState(index: number, state: readonly number[]): void {
    this.#begin(index, this.#at(index).setState(state));
  }

  #at(index: number): Environment {
    const environment = this.#environments[index];
    if (!environment) throw new RangeError(`no environment ${index}: there are ${this.count}`);
    return environment;
  }

  /**
   * Environment `index`'s action among all; in a box clipped to it, as Stable-Baselines3 does, and overwritten by the next.
   * Some environments charge for what is beyond.
   */
  #actionOf(actions: ArrayLike<number>, index: number): Action {
    const space = this.actionSpace;
    if (space.kind === 'discrete') return actions[index]!;
    for (let k = 0; k < this.actionSize; k++) {
      const action = actions[index * this.actionSize + k]!;
      this.#boxAction[k] = Math.min(Math.max(action, space.low[k]!), space.high[k]!);
    }
    return this.#boxAction;
  }

  #begin(index: number, observation: Float32Array): void {
    this.observations.set(observation, index * this.#size);
    this.terminated[index] = 0;
    this.truncated[index] = 0;
  }
}
