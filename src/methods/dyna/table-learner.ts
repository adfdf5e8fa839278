import type { Row } from '../../training/events.ts';
import type { NamedArray } from '../../training/state.ts';
import type { DynaSettings } from './settings.ts';
import { TableModel, type Transition, type Uniforms } from './table-model.ts';

/** What a step of learning reports, in order: columns of losses.csv. */
export const LOSS_TERMS = ['td_error', 'planning_td_error', 'planning_updates', 'model_pairs'] as const;

/**
 * Tabular Dyna (Sutton 1990; Sutton and Barto 2018, chapter 8), one seed: a table of action values that is updated from
 * every real step and from n steps of a learnt model, each by
 *
 *     Q(s, a) ← Q(s, a) + α (r + γ max_b Q(s′, b) − Q(s, a)),   without γ max where s′ ends an episode
 *
 * Dyna-Q draws the pairs of the model at random. Dyna-Q+ adds κ √τ to the rewards of planning, τ the steps since the pair
 * was last tried for real, and knows every action of a state from its first visit on. `bonus-in-action` adds κ √τ to the
 * values between which it chooses instead, with the model of Dyna-Q+ (exercise 8.4). Prioritized sweeping (section 8.4) learns by
 * planning alone: of the pairs with |TD error| > θ, whose update would change a value by more than α θ, it updates the n that change most,
 * each of which makes its predecessors candidates.
 */
export class TableLearner {
  /** Q: [states × actions] */
  readonly values: Float64Array;
  readonly model: TableModel;
  readonly #settings: DynaSettings;
  /** Steps of the run, of all episodes. */
  #clock = 0;
  /** Of prioritized sweeping, the |TD error| of the pairs that wait for an update, 0 of the others: [states × actions] */
  readonly #priorities: Float64Array;

  constructor(settings: DynaSettings, states: number, actions: number) {
    this.#settings = settings;
    this.values = new Float64Array(states * actions);
    this.model = new TableModel(states, actions);
    this.#priorities = new Float64Array(settings.kind === 'prioritized-sweeping' ? states * actions : 0);
  }

  /**
   * An action to explore with: a random one with probability ε, else one of the best, all equally likely.
   *
   * @param chance two uniforms in [0, 1): whether it is random, and which it is
   */
  explore(state: number, chance: number, which: number): number {
    const { epsilon, kind, bonus } = this.#settings;
    if (chance < epsilon) return Math.floor(which * this.model.actions);
    return this.#best(state, which, kind === 'bonus-in-action' ? bonus : 0);
  }

  /** One of the actions of greatest value. @param which a uniform in [0, 1) */
  exploit(state: number, which: number): number {
    return this.#best(state, which, 0);
  }

  /** Taking always the first of equal actions, an agent that knows nothing would walk into one wall for ever. */
  #best(state: number, which: number, bonus: number): number {
    const { actions } = this.model;
    const base = state * actions;
    let most = Number.NEGATIVE_INFINITY;
    let ties: number[] = [];
    for (let action = 0; action < actions; action++) {
      const value = this.values[base + action]! + (bonus === 0 ? 0 : this.#curiosity(base + action, bonus));
      if (value > most) {
        most = value;
        ties = [action];
      } else if (value === most) ties.push(action);
    }
    return ties[Math.floor(which * ties.length)]!;
  }

  /** κ √τ of a pair. */
  #curiosity(pair: number, bonus: number): number {
    return bonus * Math.sqrt(this.#clock - this.model.lastTried[pair]!);
  }

  /**
   * Learns from one real step and plans.
   *
   * @param random the draws of planning
   * @param planned told every pair, state × actions + action, that planning updates
   */
  learn(step: Transition, random: Uniforms, planned?: (pair: number) => void): Row {
    const { kind, planningSteps } = this.#settings;
    const pair = step.state * this.model.actions + step.action;
    this.#clock++;
    const sweeps = kind === 'prioritized-sweeping';
    const error = sweeps
      ? this.#tdError(pair, step.reward, step.next, step.terminated)
      : this.#update(pair, step.reward, step.next, step.terminated);
    this.model.observe(step, this.#clock, kind === 'dyna-q-plus' || kind === 'bonus-in-action');
    if (sweeps) this.#propose(pair, error);
    let updates = 0;
    let sum = 0;
    for (; updates < planningSteps; updates++) {
      const next = sweeps ? this.#mostUrgent() : this.model.sample(random);
      if (next === undefined) break;
      planned?.(next);
      sum += Math.abs(this.#plan(next));
      if (sweeps) this.#proposePredecessors(next);
    }
    return {
      td_error: Math.abs(error),
      planning_td_error: planningSteps === 0 ? null : sum / Math.max(updates, 1),
      planning_updates: updates,
      model_pairs: this.model.pairs,
    };
  }

  /** r + γ max_b Q(s′, b) − Q(s, a) */
  #tdError(pair: number, reward: number, next: number, terminated: boolean): number {
    const future = terminated ? 0 : this.#greatest(next);
    return reward + this.#settings.gamma * future - this.values[pair]!;
  }

  /** The update of one pair. Returns its TD error. */
  #update(pair: number, reward: number, next: number, terminated: boolean): number {
    const error = this.#tdError(pair, reward, next, terminated);
    this.values[pair]! += this.#settings.alpha * error;
    return error;
  }

  /** The update of a pair of the model as the model has it. Returns its TD error. */
  #plan(pair: number): number {
    const { kind, bonus } = this.#settings;
    const { reward, next, terminated } = this.model;
    const curiosity = kind === 'dyna-q-plus' ? this.#curiosity(pair, bonus) : 0;
    return this.#update(pair, reward[pair]! + curiosity, next[pair]!, terminated[pair] === 1);
  }

  #greatest(state: number): number {
    const { actions } = this.model;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = state * actions; i < (state + 1) * actions; i++) most = Math.max(most, this.values[i]!);
    return most;
  }

  /** Lets a pair wait for an update where that is worth it. */
  #propose(pair: number, error: number): void {
    const priority = Math.abs(error);
    if (priority > this.#settings.theta) this.#priorities[pair] = Math.max(this.#priorities[pair]!, priority);
  }

  /** Takes the pair of the greatest priority, the first of equal ones, out of those that wait; undefined if none does. */
  #mostUrgent(): number | undefined {
    let best = 0;
    for (let pair = 1; pair < this.#priorities.length; pair++) {
      if (this.#priorities[pair]! > this.#priorities[best]!) best = pair;
    }
    if (this.#priorities[best] === 0) return undefined;
    this.#priorities[best] = 0;
    return best;
  }

  /** The pairs that the model says lead to where `pair` is. */
  #proposePredecessors(pair: number): void {
    const { actions, next, reward, terminated } = this.model;
    const state = Math.floor(pair / actions);
    for (let before = 0; before < next.length; before++) {
      if (next[before] !== state || terminated[before] === 1) continue;
      this.#propose(before, this.#tdError(before, reward[before]!, state, false));
    }
  }

  save(): Record<string, NamedArray> {
    const shape = [this.values.length / this.model.actions, this.model.actions];
    return {
      values: { shape, data: this.values.slice() },
      clock: { shape: [1], data: Float64Array.of(this.#clock) },
      ...this.model.save(),
      ...(this.#priorities.length > 0 && { priorities: { shape, data: this.#priorities.slice() } }),
    };
  }

  load(arrays: Record<string, NamedArray>): void {
    this.values.set(arrays.values!.data);
    this.#clock = arrays.clock!.data[0]!;
    this.model.load(arrays);
    if (this.#priorities.length > 0) this.#priorities.set(arrays.priorities!.data);
  }
}
