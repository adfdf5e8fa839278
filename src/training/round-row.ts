import type { Row } from './events.ts';

/** Values that were float32: 8 significant digits say all there is. */
export function roundRow(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([key, x]) => [key, x === null ? null : Number(x.toPrecision(8))]),
  );
}
