import { RandomStream } from '../random/stream.ts';
import type { Action, Environment, StepResult } from './environment.ts';
import { type BoxSpace, type Space, spaceSize } from './spaces.ts';

/** ρ: how much of a walk a step keeps. It forgets half in 69 steps. */
const persistence = 0.99;
/** The numbers of a random stream's state. */
const STREAM_SIZE = 4;

/**
 * Appends k dimensions to an environment's observations that no action and no reward depends on: detail that a model may
 * spend itself on in vain. Every other one, from the first, is a slow random walk that can be predicted, those between
 * are white noise that cannot:
 *
 *     d ← ρ d + √(1 - ρ²) ε   (d0, d2, …)        d ← ε   (d1, d3, …)
 *
 * with ρ = 0.99 and ε ~ N(0, 1), drawn anew for each dimension and step. Each starts as N(0, 1) and stays so distributed.
 * The randomness is a stream of its own that forks off where an episode starts: the environment's own starts and steps
 * are the same with any k, and from the same start the distractors are the same whatever the actions.
 */
export class Distractors implements Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace: Space;
  readonly #environment: Environment;
  /** d: [k] */
  readonly #values: Float64Array;
  /** ε: [k] */
  readonly #noise: Float32Array;
  /** Of the open episode; any before the first. */
  #random = RandomStream.named(0, 'distractors');

  constructor(environment: Environment, count: number) {
    const { low, high } = environment.observationSpace;
    const infinite = new Array<number>(count).fill(Infinity);
    this.observationSpace = {
      kind: 'box',
      shape: [spaceSize(environment.observationSpace) + count],
      low: [...low, ...infinite.map((bound) => -bound)],
      high: [...high, ...infinite],
    };
    this.actionSpace = environment.actionSpace;
    this.#environment = environment;
    this.#values = new Float64Array(count);
    this.#noise = new Float32Array(count);
  }

  reset(random: RandomStream): Float32Array {
    this.#random = random.fork('distractors');
    this.#values.set(this.#random.fillNormal(this.#noise));
    return this.#append(this.#environment.reset(random));
  }

  step(action: Action): StepResult {
    const result = this.#environment.step(action);
    this.#random.fillNormal(this.#noise);
    for (const [i, epsilon] of this.#noise.entries()) {
      const kept = i % 2 === 0 ? persistence : 0;
      this.#values[i] = kept * this.#values[i]! + Math.sqrt(1 - kept * kept) * epsilon;
    }
    return { ...result, observation: this.#append(result.observation) };
  }

  /** The environment's state, then d, then the stream's position. */
  state(): number[] {
    return [...this.#environment.state(), ...this.#values, ...this.#random.state()];
  }

  setState(state: readonly number[]): Float32Array {
    const own = this.#values.length + STREAM_SIZE;
    const values = state.slice(-own, -STREAM_SIZE);
    if (state.length < own || !values.every(Number.isFinite)) {
      throw new RangeError(
        `expected ${this.#values.length} finite distractors and a stream's ${STREAM_SIZE} numbers`,
      );
    }
    const random = RandomStream.fromState(state.slice(-STREAM_SIZE));
    const observation = this.#environment.setState(state.slice(0, -own));
    this.#random = random;
    this.#values.set(values);
    return this.#append(observation);
  }

  #append(observation: Float32Array): Float32Array {
    const appended = new Float32Array(observation.length + this.#values.length);
    appended.set(observation);
    appended.set(this.#values, observation.length);
    return appended;
  }
}
