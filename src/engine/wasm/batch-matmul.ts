import * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';
import { multiply, rowMajor, transposed } from './matrix.ts';

/**
 * tf.matMul: C[m] = op(A[m]) op(B[m]) over all leading axes; one of the two may have a single matrix for all m.
 *
 * It replaces tfjs's own kernel, which is fast for one matrix without transposes only and runs a scalar loop, 25 times
 * slower, for everything else: every default gradient among it.
 */
export const batchMatMul: Kernel = {
  name: 'BatchMatMul',
  run(heap, { a, b }, { transposeA, transposeB }) {
    const [aRows, aColumns] = a!.shape.slice(-2) as [number, number];
    const [bRows, bColumns] = b!.shape.slice(-2) as [number, number];
    const [rows, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
    const columns = transposeB ? bRows : bColumns;
    const outer = tf.broadcast_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    const count = size(outer);
    const step = (shape: number[]) => {
      const own = size(shape.slice(0, -2));
      if (own !== count && own !== 1)
        throw new Error(`matMul: cannot broadcast [${a!.shape}] with [${b!.shape}]`);
      return own === 1 ? 0 : 4 * size(shape.slice(-2));
    };
    const [aStep, bStep] = [step(a!.shape), step(b!.shape)];

    const c = heap.output([...outer, rows, columns]);
    for (let m = 0; m < count; m++) {
      const left = rowMajor(heap.at(a!) + m * aStep, aColumns);
      const right = rowMajor(heap.at(b!) + m * bStep, bColumns);
      multiply(
        heap,
        {
          rows,
          columns,
          depth,
          a: transposeA ? transposed(left) : left,
          c: rowMajor(heap.at(c) + 4 * m * rows * columns, columns),
        },
        transposeB ? transposed(right) : right,
      );
    }
    return c;
  },
};
