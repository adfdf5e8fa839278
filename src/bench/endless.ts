import type { Action, Environment, StepResult } from '../envs/environment.ts';
import type { EnvironmentEntry } from '../envs/index.ts';
import type { BoxSpace, Space } from '../envs/spaces.ts';
import { TimeLimit } from '../envs/time-limit.ts';
import type { RandomStream } from '../random/stream.ts';

/** What would terminate an episode sets it back to its start instead. */
class Endless implements Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace: Space;
  readonly #environment: Environment;
  #start: readonly number[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
    this.observationSpace = environment.observationSpace;
    this.actionSpace = environment.actionSpace;
  }

  reset(random: RandomStream): Float32Array {
    const observation = this.#environment.reset(random);
    this.#start = this.#environment.state();
    return observation;
  }

  step(action: Action): StepResult {
    const result = this.#environment.step(action);
    if (!result.terminated) return result;
    return { ...result, observation: this.#environment.setState(this.#start), terminated: false };
  }

  state(): number[] {
    return this.#environment.state();
  }

  setState(state: readonly number[]): Float32Array {
    return this.#environment.setState(state);
  }
}

/**
 * The environment with episodes that all last `steps` steps: so an untrained policy costs an evaluation as much as a
 * perfect one.
 */
export function fullLength(entry: EnvironmentEntry, steps: number): EnvironmentEntry {
  return { ...entry, make: () => new TimeLimit(new Endless(entry.make()), steps) };
}
