import type { ActingMode, Actor, Decision, PolicyName, Situation } from '../training/acting.ts';

/** An actor whose decisions are timed. */
export class TimedActor implements Actor {
  readonly carrySize;
  readonly noise;
  readonly trajectories: number;
  readonly #actor: Actor;
  readonly #observation: number;
  readonly #clock: () => number;
  /** How many environments the last decision was for. */
  #environments = 0;
  /** Of decisions that are the first for so many environments, which an engine may compile, and of the others. */
  readonly #first = { milliseconds: 0, actions: 0 };
  readonly #others = { milliseconds: 0, actions: 0 };

  /**
   * @param observation elements of an observation
   * @param clock in milliseconds
   */
  constructor(actor: Actor, observation: number, clock: () => number) {
    this.#actor = actor;
    this.#observation = observation;
    this.#clock = clock;
    this.carrySize = actor.carrySize;
    this.noise = actor.noise;
    this.trajectories = actor.trajectories ?? 0;
  }

  async act(situation: Situation, policy: PolicyName, mode: ActingMode): Promise<Decision> {
    const environments = situation.observations.length / this.#observation;
    const before = this.#clock();
    const decision = await this.#actor.act(situation, policy, mode);
    const sum = environments === this.#environments ? this.#others : this.#first;
    sum.milliseconds += this.#clock() - before;
    sum.actions += environments;
    this.#environments = environments;
    return decision;
  }

  /** Mean milliseconds per decision and environment, without first decisions where there are others. */
  get millisecondsPerAction(): number {
    const { milliseconds, actions } = this.#others.actions > 0 ? this.#others : this.#first;
    return milliseconds / actions;
  }
}
