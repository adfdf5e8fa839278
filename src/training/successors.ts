import type { NamedArray } from './state.ts';

/**
 * The observations that followed the rows of a replay of bytes, where those are not the next row's: at the end of an
 * episode, and of the newest row. So an image is kept once, not as what was seen and as what was seen next.
 */
export class Successors {
  readonly #size: number;
  /** By the row's number, counted from the first one ever added, in that order. */
  readonly #kept = new Map<number, Uint8Array>();

  /** @param size bytes of an observation */
  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Tells that a row is added.
   *
   * @param row its number
   * @param oldest number of the oldest row held from now on
   */
  add(row: number, oldest: number, observation: ArrayLike<number>, next: ArrayLike<number>): void {
    const before = this.#kept.get(row - 1);
    if (before?.every((byte, i) => byte === observation[i])) this.#kept.delete(row - 1);
    this.#kept.delete(oldest - 1);
    this.#kept.set(row, Uint8Array.from(next));
  }

  /** What followed a row; undefined where that is the next row's observation. */
  of(row: number): Uint8Array | undefined {
    return this.#kept.get(row);
  }

  /** For a checkpoint: the rows' numbers, and their observations. */
  save(): Record<string, NamedArray> {
    const observations = new Uint8Array(this.#kept.size * this.#size);
    for (const [i, bytes] of [...this.#kept.values()].entries()) observations.set(bytes, i * this.#size);
    return {
      'replay.successor': { shape: [this.#kept.size], data: Float64Array.from(this.#kept.keys()) },
      'replay.successor_observation': { shape: [this.#kept.size, this.#size], data: observations },
    };
  }

  /**
   * Takes over what `save` gave. Throws a RangeError where those are not the rows of a replay.
   *
   * @param oldest number of the oldest row held
   * @param newest and of the newest; below the oldest where there is none
   */
  load(arrays: Record<string, NamedArray>, oldest: number, newest: number): void {
    const rows = [...arrays['replay.successor']!.data];
    const { data, shape } = arrays['replay.successor_observation']!;
    const areRows = rows.every(
      (row, i) => Number.isSafeInteger(row) && row >= oldest && row <= newest && !(row <= rows[i - 1]!),
    );
    if (!areRows || shape[0] !== rows.length || (newest >= oldest && rows.at(-1) !== newest)) {
      throw new RangeError(`replay.successor holds no rows from ${oldest} to ${newest}, the last among them`);
    }
    this.#kept.clear();
    for (const [i, row] of rows.entries()) {
      this.#kept.set(row, Uint8Array.from(data.subarray(i * this.#size, (i + 1) * this.#size)));
    }
  }
}
