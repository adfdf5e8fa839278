import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';

/**
 * The mean of w (x − y)² of each member.
 *
 *   inputs      x, y [members, …]; perhaps weight, of the same shape
 *   attributes  factor, which multiplies w
 *   outputs     [members]; and w (x − y) for the gradient
 */
export const meanSquaredError: Kernel = {
  name: 'MeanSquaredError',
  run(heap, { x, y, weight }, { factor }) {
    const members = x!.shape[0]!;
    const count = size(x!.shape) / members;
    const means = heap.output([members]);
    const weighted = heap.output(x!.shape);
    for (let m = 0; m < members; m++) {
      const at = heap.at(weighted, m);
      const weights = weight ? heap.at(weight, m) : 0;
      const sum = heap.functions.squaredError(
        count,
        heap.at(x!, m),
        heap.at(y!, m),
        weights,
        factor as number,
        at,
      );
      heap.values(means)[m] = sum / count;
    }
    return [means, weighted];
  },
};

/** Its gradient by x, 2 w (x − y) dy / n: from dy, [members], and the forward kernel's `weighted`. */
export const meanSquaredErrorGradient: Kernel = {
  name: 'MeanSquaredErrorGradient',
  run(heap, { dy, weighted }) {
    const members = weighted!.shape[0]!;
    const count = size(weighted!.shape) / members;
    const dx = heap.output(weighted!.shape);
    for (let m = 0; m < members; m++) {
      const factor = (2 * heap.values(dy!)[m]!) / count;
      heap.functions.scale(count, heap.at(weighted!, m), factor, heap.at(dx, m));
    }
    return [dx];
  },
};
