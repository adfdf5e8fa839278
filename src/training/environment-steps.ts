import type { Environment } from '../envs/environment.ts';
import { VectorEnvironment } from '../envs/vector.ts';
import type { RandomStream } from '../random/stream.ts';
import { type Actions, emptyActions } from './actions.ts';

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

/** Environments that are stepped together, in each of which an episode that ends is followed by the next. */
export class EnvironmentSteps {
  readonly vector: VectorEnvironment;
  /** 1 where the next step starts an episode: [members, environments] */
  readonly starts: Uint8Array;
  readonly #step: Step;

  /** @param carry numbers that are carried, of all environments */
  constructor(environments: readonly Environment[], carry: number) {
    this.vector = new VectorEnvironment(environments);
    const { actionSpace, observations, nextObservations, rewards, terminated, count } = this.vector;
    this.starts = new Uint8Array(count).fill(1);
    this.#step = {
      observation: new Float32Array(observations.length),
      nextObservation: nextObservations,
      action: emptyActions(actionSpace, count),
      reward: rewards,
      terminated: new Uint8Array(terminated.length),
      first: new Uint8Array(count),
      ended: this.starts,
      carry: new Float32Array(carry),
    };
  }

  /**
   * One step of every environment.
   *
   * @param actions [members, environments, actionSize]
   * @param carried what the step is recorded with
   * @param begin gives the stream from which the next episode of an environment starts, and is told so
   */
  take(actions: Actions, carried: Float32Array, begin: (index: number) => RandomStream): Step {
    const { observation, action, terminated, first, carry } = this.#step;
    observation.set(this.vector.observations);
    action.set(actions);
    first.set(this.starts);
    // A copy, because an episode that ends is forgotten.
    carry.set(carried);
    this.vector.step(action);
    // A copy, because a reset clears the original.
    terminated.set(this.vector.terminated);
    for (let i = 0; i < this.starts.length; i++) {
      this.starts[i] = Number(this.vector.terminated[i] === 1 || this.vector.truncated[i] === 1);
      if (this.starts[i]) this.vector.reset(i, begin(i));
    }
    return this.#step;
  }
}
