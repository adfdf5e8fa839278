import { matMulShape } from '../kernel-inputs.ts';
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
  run(heap, { a, b }, { transposeA, transposeB }, stock) {
    // tfjs's says that it takes float32 alone.
    if (a!.dtype !== 'float32' || b!.dtype !== 'float32') return stock();
    const { outer, batch, rows, columns, depth, aStep, bStep } = matMulShape(
      a!,
      b!,
      Boolean(transposeA),
      Boolean(transposeB),
    );
    const c = heap.output([...outer, rows, columns]);
    for (let m = 0; m < batch; m++) {
      const left = rowMajor(heap.at(a!) + 4 * m * aStep, a!.shape.at(-1)!);
      const right = rowMajor(heap.at(b!) + 4 * m * bStep, b!.shape.at(-1)!);
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
