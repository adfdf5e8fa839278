/** A dotted key: the names from the top to the value; a number is an index into a list. */
export type KeyPath = readonly (string | number)[];

/** A path as the user writes it: `replay.length`, `seeds[2]`. Odd keys are quoted, so that a message stays one line. */
export function dotted(path: KeyPath): string {
  return path
    .map((key, depth) => {
      if (typeof key === 'number') return `[${key}]`;
      const name = /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
      return depth === 0 ? name : `.${name}`;
    })
    .join('');
}

/** The value at `path`, undefined where there is none. */
export function valueAt(values: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string | number, unknown>)[key]
        : undefined,
    values,
  );
}
