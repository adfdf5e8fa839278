import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';

/** tf.exp. tfjs's own kernel takes one number at a time. */
export const exp: Kernel = {
  name: 'Exp',
  run(heap, { x }, _attributes, stock) {
    if (x!.dtype !== 'float32') return stock();
    const y = heap.output(x!.shape);
    heap.functions.exponential(size(x!.shape), heap.at(x!), heap.at(y));
    return y;
  },
};
