import type { RandomStream } from '../random/stream.ts';
import type { Action, Environment, StepResult } from './environment.ts';
import type { BoxSpace, Space } from './spaces.ts';

/**
 * Truncates an environment's episodes after `maxSteps` steps. The steps taken are the last element of its state.
 * As in Gymnasium's TimeLimit, a step that terminates at the limit is both terminated and truncated.
 */
export class TimeLimit implements Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace: Space;
  readonly maxSteps: number;
  readonly #environment: Environment;
  #elapsed = 0;

  constructor(environment: Environment, maxSteps: number) {
    this.#environment = environment;
    this.maxSteps = maxSteps;
    this.observationSpace = environment.observationSpace;
    this.actionSpace = environment.actionSpace;
  }

  reset(random: RandomStream): Float32Array {
    this.#elapsed = 0;
    return this.#environment.reset(random);
  }

  step(action: Action): StepResult {
    if (this.#elapsed >= this.maxSteps) {
      throw new Error(
        `the episode was truncated after ${this.maxSteps} steps: reset the environment before a step`,
      );
    }
    const result = this.#environment.step(action);
    this.#elapsed++;
    return { ...result, truncated: result.truncated || this.#elapsed >= this.maxSteps };
  }

  /** The environment's state, then the steps taken. */
  state(): number[] {
    return [...this.#environment.state(), this.#elapsed];
  }

  setState(state: readonly number[]): Float32Array {
    const elapsed = state.at(-1);
    if (elapsed === undefined || !Number.isInteger(elapsed) || elapsed < 0 || elapsed > this.maxSteps) {
      throw new RangeError(
        `expected the steps taken, 0 to ${this.maxSteps}, at the end of the state, got ${elapsed}`,
      );
    }
    const observation = this.#environment.setState(state.slice(0, -1));
    this.#elapsed = elapsed;
    return observation;
  }
}
