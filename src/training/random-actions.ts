import { actionSize, randomAction, type Space } from '../envs/spaces.ts';
import type { RandomStream } from '../random/stream.ts';
import { type Actions, emptyActions, requireActions, setAction } from './actions.ts';
import type { NamedArray } from './state.ts';

/**
 * Uniformly random actions, each held for a random number of steps. Redrawn at every step, random actions average out
 * where an environment has inertia: they seldom reach the goal of MountainCarContinuous-v0, held ones do.
 *
 * The steps k that an action is held for are geometric, P(k) = p (1 − p)^(k − 1), with p = 1 / mean.
 */
export class RandomActions {
  readonly #space: Space;
  readonly #mean: number;
  readonly #actions: Actions;
  /** Steps that each environment's action is still held for. */
  readonly #left: Float64Array;

  /**
   * @param environments of all members
   * @param mean steps that an action is held for, at least 1; with 1 none is held
   */
  constructor(space: Space, environments: number, mean: number) {
    this.#space = space;
    this.#mean = mean;
    this.#actions = emptyActions(space, environments);
    this.#left = new Float64Array(environments);
  }

  /** The actions of the next step, overwritten by the one after; `streamOf` gives the stream of an environment. */
  next(streamOf: (environment: number) => RandomStream): Actions {
    for (let i = 0; i < this.#left.length; i++) {
      if (this.#left[i]! === 0) {
        const random = streamOf(i);
        setAction(this.#actions, i, randomAction(this.#space, random));
        this.#left[i] = this.#mean === 1 ? 1 : geometric(random, 1 / this.#mean);
      }
      this.#left[i]!--;
    }
    return this.#actions;
  }

  /** Lets go of the action held in one environment: its next step starts an episode. */
  release(environment: number): void {
    this.#left[environment] = 0;
  }

  /** What is held in the environments from `from` to `to` (excluded); nothing where nothing is held beyond its step. */
  save(from: number, to: number): Record<string, NamedArray> {
    if (this.#mean === 1) return {};
    const size = actionSize(this.#space);
    const action = this.#actions.slice(from * size, to * size);
    return {
      'exploration.held': { shape: [to - from], data: this.#left.slice(from, to) },
      'exploration.action': { shape: [to - from, size], data: action },
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where a value is out of its range. */
  load(arrays: Record<string, NamedArray>, from: number): void {
    if (this.#mean === 1) return;
    const left = arrays['exploration.held']!.data;
    const unknown = left.find((steps) => !Number.isSafeInteger(steps) || steps < 0);
    if (unknown !== undefined) throw new RangeError(`no action is held for ${unknown} steps`);
    const { data } = arrays['exploration.action']!;
    requireActions(this.#space, data);
    this.#left.set(left, from);
    this.#actions.set(data, from * actionSize(this.#space));
  }
}

/** Steps until the first success of independent trials of probability p: 1, 2, … */
function geometric(random: RandomStream, p: number): number {
  return 1 + Math.floor(Math.log(1 - random.uniform()) / Math.log1p(-p));
}
