/** The least and the largest value that each tree has seen, by which values of any scale are brought to [0, 1]. */
export class MinMax {
  readonly least: Float64Array;
  readonly largest: Float64Array;
  readonly #floor: number;

  /** @param floor the least range that is divided by: EfficientZero's soft statistics; 0: any */
  constructor(trees: number, floor: number) {
    this.least = new Float64Array(trees);
    this.largest = new Float64Array(trees);
    this.#floor = floor;
  }

  /** Forgets what a tree has seen. */
  reset(tree: number): void {
    this.least[tree] = Number.POSITIVE_INFINITY;
    this.largest[tree] = Number.NEGATIVE_INFINITY;
  }

  include(tree: number, value: number): void {
    if (value < this.least[tree]!) this.least[tree] = value;
    if (value > this.largest[tree]!) this.largest[tree] = value;
  }

  /** (x − least) / max(largest − least, floor); x itself where all that was seen is equal. */
  normalised(tree: number, value: number): number {
    const least = this.least[tree]!;
    const range = this.largest[tree]! - least;
    return range > 0 ? (value - least) / Math.max(range, this.#floor) : value;
  }
}
