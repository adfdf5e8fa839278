/** How a value is written as so many numbers, always as many, and read back. */
export interface Field<T> {
  readonly size: number;
  /** Appends the value's numbers. */
  write(value: T, out: number[]): void;
  /** The value of the numbers from an index on. Throws a RangeError where they are no value's. */
  read(from: readonly number[], at: number): T;
}

/** An integer within bounds, both included. */
export const integer = (low: number, high: number): Field<number> => ({
  size: 1,
  write: (value, out) => void out.push(value),
  read: (from, at) => {
    const value = from[at]!;
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw new RangeError(`expected an integer from ${low} to ${high}, got ${value}`);
  },
});

/** A count that grows without a bound. */
export const counter = integer(0, Number.MAX_SAFE_INTEGER);

const bit = integer(0, 1);

export const flag: Field<boolean> = {
  size: 1,
  write: (value, out) => void out.push(Number(value)),
  read: (from, at) => bit.read(from, at) === 1,
};

/** Left (−1) or right (1); on the other axis up or down. */
export const direction: Field<number> = {
  size: 1,
  write: (value, out) => void out.push(value),
  read: (from, at) => {
    const value = from[at]!;
    if (value === -1 || value === 1) return value;
    throw new RangeError(`expected a direction, -1 or 1, got ${value}`);
  },
};

/** What has fields of its own, in their order. */
export function record<T extends object>(fields: { readonly [Name in keyof T]: Field<T[Name]> }): Field<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    size: names.reduce((sum, name) => sum + fields[name].size, 0),
    write: (value, out) => {
      for (const name of names) fields[name].write(value[name], out);
    },
    read: (from, at) => {
      let offset = at;
      const entries = names.map((name) => {
        const value = fields[name].read(from, offset);
        offset += fields[name].size;
        return [name, value];
      });
      return Object.fromEntries(entries);
    },
  };
}

/** So many values of a kind. */
export const row = <T>(count: number, field: Field<T>): Field<T[]> => ({
  size: count * field.size,
  write: (values, out) => {
    for (const value of values) field.write(value, out);
  },
  read: (from, at) => Array.from({ length: count }, (_, i) => field.read(from, at + i * field.size)),
});

/** A value or none. */
export const optional = <T>(field: Field<T>): Field<T | null> => ({
  size: 1 + field.size,
  write: (value, out) => {
    const end = out.length + 1 + field.size;
    flag.write(value !== null, out);
    if (value !== null) field.write(value, out);
    while (out.length < end) out.push(0);
  },
  read: (from, at) => (flag.read(from, at) ? field.read(from, at + 1) : null),
});

/** At most so many values: how many, then each. */
export function list<T>(most: number, field: Field<T>): Field<T[]> {
  const count = integer(0, most);
  return {
    size: 1 + most * field.size,
    write: (values, out) => {
      if (values.length > most) throw new Error(`${values.length} values in a list of at most ${most}`);
      const end = out.length + 1 + most * field.size;
      count.write(values.length, out);
      for (const value of values) field.write(value, out);
      while (out.length < end) out.push(0);
    },
    read: (from, at) =>
      Array.from({ length: count.read(from, at) }, (_, i) => field.read(from, at + 1 + i * field.size)),
  };
}
