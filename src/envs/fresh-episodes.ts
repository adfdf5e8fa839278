import type { RandomStream } from '../random/stream.ts';
import type { Action, Environment, StepResult } from './environment.ts';

/**
 * An environment that is made anew for each episode: nothing of one reaches the next, such as the move that MinAtar may
 * take once more, so that an episode's stream and actions alone say how it went.
 */
export class FreshEpisodes implements Environment {
  readonly observationSpace: Environment['observationSpace'];
  readonly actionSpace: Environment['actionSpace'];
  readonly #make: () => Environment;
  #environment: Environment;

  constructor(make: () => Environment) {
    this.#make = make;
    this.#environment = make();
    this.observationSpace = this.#environment.observationSpace;
    this.actionSpace = this.#environment.actionSpace;
  }

  reset(random: RandomStream): Float32Array {
    this.#environment = this.#make();
    return this.#environment.reset(random);
  }

  step(action: Action): StepResult {
    return this.#environment.step(action);
  }

  state(): number[] {
    return this.#environment.state();
  }

  setState(state: readonly number[]): Float32Array {
    return this.#environment.setState(state);
  }
}
