import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';

/**
 * Rows over the last axis, standardised.
 *
 *   inputs      x [members, …, n]
 *   attributes  epsilon
 *   outputs     like x; and what deviations were multiplied by, [members, …, 1]
 */
export const standardise: Kernel = {
  name: 'Standardise',
  run(heap, { x }, { epsilon }) {
    const { shape } = x!;
    const columns = shape.at(-1)!;
    const y = heap.output(shape);
    const factors = heap.output(shape.with(-1, 1));
    const rows = size(factors.shape);
    heap.functions.standardise(rows, columns, epsilon as number, heap.at(x!), heap.at(y), heap.at(factors));
    return [y, factors];
  },
};

/** h⁻¹, elementwise, with the attribute `epsilon`. */
export const inverseTransform: Kernel = {
  name: 'InverseTransform',
  run(heap, { x }, { epsilon }) {
    const y = heap.output(x!.shape);
    heap.functions.inverseTransform(size(x!.shape), epsilon as number, heap.at(x!), heap.at(y));
    return [y];
  },
};
