import type { RandomStream } from '../random/stream.ts';
import type { NamedArray } from './state.ts';

type Values = NamedArray['data'];

/** What a row of a ring holds under one name. */
export interface Column {
  /** Numbers per row. */
  width: number;
  /** Whether a checkpoint's array has an axis for them. */
  hasAxis: boolean;
  make(rows: number): Values;
}

export const vectors = (width: number): Column => ({
  width,
  hasAxis: true,
  make: (rows) => new Float32Array(rows * width),
});
export const numbers: Column = { width: 1, hasAxis: false, make: (rows) => new Float32Array(rows) };
/** 0 or 1. */
export const flags: Column = { width: 1, hasAxis: false, make: (rows) => new Uint8Array(rows) };

/** Rows in the order in which they came, the oldest overwritten once `capacity` is reached. */
export class Ring<Name extends string> {
  readonly capacity: number;
  /** Rows ever added; the newest stands at (added − 1) mod capacity. */
  #added = 0;
  readonly #columns: Readonly<Record<Name, Column>>;
  readonly #names: readonly Name[];
  readonly #values: Record<Name, Values>;

  /** @param columns by name; those left out are not kept, and must not be asked for */
  constructor(capacity: number, columns: Readonly<Partial<Record<Name, Column>>>) {
    this.capacity = capacity;
    this.#columns = columns as Readonly<Record<Name, Column>>;
    this.#names = Object.keys(columns) as Name[];
    this.#values = Object.fromEntries(
      this.#names.map((name) => [name, this.#columns[name].make(capacity)]),
    ) as Record<Name, Values>;
  }

  /** Rows held, 0 to capacity. */
  get size(): number {
    return Math.min(this.#added, this.capacity);
  }

  /** Number of the oldest row held, counted from the first one ever added. */
  get oldest(): number {
    return this.#added - this.size;
  }

  /** Number of the newest row held; below the oldest where there is none. */
  get newest(): number {
    return this.#added - 1;
  }

  /** All rows held of one name, in no particular order: a view. */
  values(name: Name): Values {
    return this.#values[name].subarray(0, this.size * this.#columns[name].width);
  }

  add(row: Readonly<Record<Name, number | ArrayLike<number>>>): void {
    const at = this.#added % this.capacity;
    for (const name of this.#names) {
      const value: number | ArrayLike<number> = row[name];
      if (typeof value === 'number') this.#values[name][at] = value;
      else this.#values[name].set(value, at * this.#columns[name].width);
    }
    this.#added++;
  }

  /**
   * Number of the row, counted from the first one ever added, at which a window of so many consecutive rows starts; uniform
   * over all windows held. Throws a RangeError if fewer rows than one window are held.
   */
  windowStart(random: RandomStream, length: number): number {
    const windows = this.size - length + 1;
    if (windows < 1)
      throw new RangeError(`replay holds ${this.size} steps, fewer than a window of ${length}`);
    return this.oldest + random.integer(windows);
  }

  /** Copies so many consecutive rows to `out`, to its row `to` and those after it. */
  read(name: Name, row: number, rows: number, out: Values, to: number): void {
    const { width } = this.#columns[name];
    const values = this.#values[name];
    this.#pieces(row, rows, (at, passed, count) => {
      out.set(values.subarray(at * width, (at + count) * width), (to + passed) * width);
    });
  }

  /** Replaces so many consecutive rows by those of `values`, from its row `from` on. */
  write(name: Name, row: number, rows: number, values: Float32Array, from: number): void {
    const { width } = this.#columns[name];
    this.#pieces(row, rows, (at, passed, count) => {
      const first = (from + passed) * width;
      this.#values[name].set(values.subarray(first, first + count * width), at * width);
    });
  }

  /** Calls `take` for each piece of consecutive rows that lies together: where, after how many, how many. */
  #pieces(row: number, rows: number, take: (at: number, passed: number, count: number) => void): void {
    for (let passed = 0; passed < rows; ) {
      const at = (row + passed) % this.capacity;
      const count = Math.min(rows - passed, this.capacity - at);
      take(at, passed, count);
      passed += count;
    }
  }

  /** The part in use, for a checkpoint. The arrays are views: write them before the ring changes. */
  save(): Record<string, NamedArray> {
    const rows = this.size;
    const columns = this.#names.map((name): [string, NamedArray] => {
      const { width, hasAxis } = this.#columns[name];
      const shape = hasAxis ? [rows, width] : [rows];
      return [`replay.${name}`, { shape, data: this.values(name) }];
    });
    return {
      'replay.added': { shape: [1], data: Float64Array.of(this.#added) },
      ...Object.fromEntries(columns),
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where its values contradict each other. */
  load(arrays: Record<string, NamedArray>): void {
    const added = arrays['replay.added']!.data[0]!;
    const rows = Math.min(added, this.capacity);
    for (const name of this.#names) {
      const found = arrays[`replay.${name}`]!.shape[0];
      if (!Number.isSafeInteger(added) || found !== rows) {
        throw new RangeError(`replay.${name} has ${found} rows of ${added} added`);
      }
    }
    this.#added = added;
    for (const name of this.#names) this.#values[name].set(arrays[`replay.${name}`]!.data);
  }
}
