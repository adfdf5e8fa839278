import type { Heap } from './heap.ts';

/** A float32 matrix in the backend's memory: where it starts, and the bytes from row to row and column to column. */
export interface Matrix {
  at: number;
  row: number;
  column: number;
}

/** Rows one after the other, `columns` long. */
export const rowMajor = (at: number, columns: number): Matrix => ({ at, row: 4 * columns, column: 4 });

export const transposed = ({ at, row, column }: Matrix): Matrix => ({ at, row: column, column: row });

/** The same row again and again: a bias. */
export const everyRow = (at: number): Matrix => ({ at, row: 0, column: 4 });

/** C = start + A B; C's columns, and those of `start`, stand side by side. */
export interface Product {
  rows: number;
  columns: number;
  depth: number;
  a: Matrix;
  c: Matrix;
  /** Zeros if omitted; it may be C itself. */
  start?: Matrix;
  /** Sets what is negative in the result to 0. */
  relu?: boolean;
}

/** Packs B [depth, columns] for `multiplyPacked` for as long as `use` runs: several products may share it. */
export function withPacked<T>(
  heap: Heap,
  { depth, columns }: Pick<Product, 'depth' | 'columns'>,
  b: Matrix,
  use: (packed: number) => T,
): T {
  return heap.borrow(heap.functions.packedBytes(depth, columns), (packed) => {
    heap.functions.pack(depth, columns, b.at, b.row, b.column, packed);
    return use(packed);
  });
}

/** A product with a B that `withPacked` has packed. */
export function multiplyPacked(heap: Heap, product: Product, packed: number): void {
  const { rows, columns, depth, a, c, start, relu } = product;
  heap.functions.multiply(
    rows,
    columns,
    depth,
    a.at,
    a.row,
    a.column,
    packed,
    start?.at ?? 0,
    start?.row ?? 0,
    c.at,
    c.row,
    relu ? 0 : Number.NEGATIVE_INFINITY,
    heap.workspace,
  );
}

/** C = start + A B. */
export function multiply(heap: Heap, product: Product, b: Matrix): void {
  withPacked(heap, product, b, (packed) => multiplyPacked(heap, product, packed));
}
