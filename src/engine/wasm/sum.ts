import * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';

/**
 * tf.sum over axes that stand side by side, which is all that a gradient of a broadcast needs. tfjs's own kernel
 * transposes first unless the axes are the last ones, and adds one number at a time.
 */
export const sum: Kernel = {
  name: 'Sum',
  run(heap, { x }, { axis, keepDims }, stock) {
    const { shape, dtype } = x!;
    const axes = tf.util.parseAxisParam(axis as number[], shape).toSorted((a, b) => a - b);
    const first = axes[0] ?? 0;
    const end = first + axes.length;
    if (dtype !== 'float32' || (axes.length > 0 && axes.at(-1) !== end - 1)) return stock();
    const kept = keepDims ? axes.map(() => 1) : [];
    const out = heap.output([...shape.slice(0, first), ...kept, ...shape.slice(end)]);
    heap.functions.sumRows(
      size(shape.slice(0, first)),
      size(shape.slice(first, end)),
      size(shape.slice(end)),
      heap.at(x!),
      heap.at(out),
    );
    return out;
  },
};
