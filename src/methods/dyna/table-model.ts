import type { NamedArray } from '../../training/state.ts';

/** A source of uniform numbers in [0, 1): a `RandomStream` is one. */
export interface Uniforms {
  uniform(): number;
}

/** One real step, states and actions by their indices. */
export interface Transition {
  state: number;
  action: number;
  reward: number;
  next: number;
  terminated: boolean;
}

/**
 * A deterministic model as a table over pairs (s, a): what the pair led to when it was last tried. States are listed by
 * their first visit, and of each state the actions in the order in which they came into the model.
 */
export class TableModel {
  readonly actions: number;
  /** s′: [states × actions]; −1 where the model has no such pair */
  readonly next: Int32Array;
  /** r: [states × actions] */
  readonly reward: Float64Array;
  /** 1 where s′ ends an episode: [states × actions] */
  readonly terminated: Uint8Array;
  /** The step of the run at which a pair was last tried for real, 0 where it never was: [states × actions] */
  readonly lastTried: Float64Array;
  /** The visited states in their order, then −1: [states] */
  readonly #states: Int32Array;
  /** The known actions of each state in their order, then −1: [states × actions] */
  readonly #known: Int32Array;
  #stateCount = 0;
  /** [states] */
  readonly #knownCount: Int32Array;
  #pairs = 0;

  constructor(states: number, actions: number) {
    this.actions = actions;
    this.next = new Int32Array(states * actions).fill(-1);
    this.reward = new Float64Array(states * actions);
    this.terminated = new Uint8Array(states * actions);
    this.lastTried = new Float64Array(states * actions);
    this.#states = new Int32Array(states).fill(-1);
    this.#known = new Int32Array(states * actions).fill(-1);
    this.#knownCount = new Int32Array(states);
  }

  /** Pairs in the model. */
  get pairs(): number {
    return this.#pairs;
  }

  /**
   * M(s, a) ← (s′, r).
   *
   * @param t steps of the run, this one included
   * @param untried whether a state comes with all its actions, those never tried as leading back to it for nothing: what
   *   Dyna-Q+ plans with
   */
  observe({ state, action, reward, next, terminated }: Transition, t: number, untried: boolean): void {
    if (this.#knownCount[state] === 0) {
      this.#states[this.#stateCount++] = state;
      if (untried) for (let a = 0; a < this.actions; a++) this.#enter(state, a);
    }
    const pair = state * this.actions + action;
    if (this.next[pair] === -1) this.#enter(state, action);
    this.next[pair] = next;
    this.reward[pair] = reward;
    this.terminated[pair] = Number(terminated);
    this.lastTried[pair] = t;
  }

  #enter(state: number, action: number): void {
    const pair = state * this.actions + action;
    this.#known[state * this.actions + this.#knownCount[state]!++] = action;
    this.#pairs++;
    this.next[pair] = state;
  }

  /** A pair at random: a visited state, then one of its known actions, each equally likely. Two draws. */
  sample(random: Uniforms): number {
    const state = this.#states[Math.floor(random.uniform() * this.#stateCount)]!;
    const action =
      this.#known[state * this.actions + Math.floor(random.uniform() * this.#knownCount[state]!)]!;
    return state * this.actions + action;
  }

  save(): Record<string, NamedArray> {
    const shape = [this.#states.length, this.actions];
    return {
      'model.next': { shape, data: this.next.slice() },
      'model.reward': { shape, data: this.reward.slice() },
      'model.terminated': { shape, data: this.terminated.slice() },
      'model.lastTried': { shape, data: this.lastTried.slice() },
      'model.states': { shape: [this.#states.length], data: this.#states.slice() },
      'model.known': { shape, data: this.#known.slice() },
    };
  }

  load(arrays: Record<string, NamedArray>): void {
    this.next.set(arrays['model.next']!.data);
    this.reward.set(arrays['model.reward']!.data);
    this.terminated.set(arrays['model.terminated']!.data);
    this.lastTried.set(arrays['model.lastTried']!.data);
    this.#states.set(arrays['model.states']!.data);
    this.#known.set(arrays['model.known']!.data);
    this.#stateCount = this.#states.findLastIndex((state) => state >= 0) + 1;
    for (let state = 0; state < this.#states.length; state++) {
      const own = this.#known.subarray(state * this.actions, (state + 1) * this.actions);
      this.#knownCount[state] = own.findLastIndex((action) => action >= 0) + 1;
    }
    this.#pairs = this.#knownCount.reduce((sum, count) => sum + count, 0);
  }
}
