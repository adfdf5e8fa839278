/** How prioritised replay draws; the config keys of the same names describe them. */
export interface PrioritySettings {
  /** α of p^α; 0: uniformly. */
  alpha: number;
}

/** Added to every priority, so that none is never drawn. */
const LEAST = 1e-6;

/**
 * Priorities of the slots of a ring, drawn with P(i) = p_i^α / Σ_j p_j^α (Schaul et al. 2016): a tree of sums, in which a
 * slot is found from a uniform number in as many steps as the tree is deep. A slot of priority 0 is never drawn.
 */
export class Priorities {
  readonly #alpha: number;
  /** Leaves, a power of two; node i has the children 2i and 2i + 1, the root is 1. */
  readonly #leaves: number;
  readonly #sums: Float64Array;
  /** p itself, before α: [capacity] */
  readonly values: Float64Array;
  /** The largest there has been, what new slots get. */
  largest = 1;

  constructor(capacity: number, { alpha }: PrioritySettings) {
    this.#alpha = alpha;
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(capacity, 2)));
    this.#sums = new Float64Array(2 * this.#leaves);
    this.values = new Float64Array(capacity);
  }

  /** Sets a slot's priority to |error| and a little more. */
  set(slot: number, error: number): void {
    const priority = Math.abs(error) + LEAST;
    this.largest = Math.max(this.largest, priority);
    this.#put(slot, priority);
  }

  /** Gives a new slot the largest priority. */
  add(slot: number): void {
    this.#put(slot, this.largest);
  }

  /** Takes a slot out. */
  remove(slot: number): void {
    this.#put(slot, 0);
  }

  /** P of a slot. */
  probability(slot: number): number {
    return this.#sums[this.#leaves + slot]! / this.#sums[1]!;
  }

  /** The first slot up to which the probabilities sum to more than u, uniform in [0, 1). */
  find(u: number): number {
    let rest = u * this.#sums[1]!;
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      // By rounding the rest may exceed what is there: a side that is empty is never entered.
      if (rest >= this.#sums[node]! && this.#sums[node + 1]! > 0) {
        rest -= this.#sums[node]!;
        node++;
      }
    }
    return node - this.#leaves;
  }

  /** Takes over priorities, and the largest there has been. Throws a RangeError where one is no number from 0 on. */
  load(values: ArrayLike<number>, largest: number): void {
    for (let slot = 0; slot < this.values.length; slot++) {
      const value = values[slot] ?? 0;
      if (!(value >= 0 && value <= largest)) throw new RangeError(`there is no priority ${value}`);
      this.#put(slot, value);
    }
    this.largest = largest;
  }

  #put(slot: number, priority: number): void {
    this.values[slot] = priority;
    let node = this.#leaves + slot;
    this.#sums[node] = priority > 0 ? priority ** this.#alpha : 0;
    for (node = Math.floor(node / 2); node >= 1; node = Math.floor(node / 2)) {
      this.#sums[node] = this.#sums[2 * node]! + this.#sums[2 * node + 1]!;
    }
  }
}

/**
 * Importance weights (N P(i))^−β over the largest of them.
 *
 * @param probabilities P of what was drawn
 * @param count N, of how many
 */
export function importanceWeights(probabilities: readonly number[], count: number, beta: number): number[] {
  const weights = probabilities.map((p) => (count * p) ** -beta);
  const largest = weights.reduce((a, b) => Math.max(a, b), 0);
  return weights.map((weight) => weight / largest);
}
