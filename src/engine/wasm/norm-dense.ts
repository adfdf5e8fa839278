import type * as tf from '@tensorflow/tfjs-core';
import { type NormLayerShape, normLayerShape } from '../kernel-inputs.ts';
import type { Heap } from './heap.ts';
import type { Kernel } from './kernel.ts';
import { everyRow, type Matrix, multiply, rowMajor, transposed } from './matrix.ts';

/** Block `block` of rows that have one block after the other, each `width` wide. */
const blockOf = (at: number, { blocks }: NormLayerShape, block: number, width: number): Matrix => ({
  at: at + 4 * block * width,
  row: 4 * blocks * width,
  column: 4,
});

/** The weights of one block of one member. */
const weightOf = (
  heap: Heap,
  weight: tf.TensorInfo,
  { depth, columns }: NormLayerShape,
  member: number,
  block: number,
): Matrix => rowMajor(heap.at(weight, member) + 4 * block * depth * columns, columns);

/**
 * act(rms(x W + b) ⊙ scale), with a shift act(norm(x W + b) ⊙ scale + shift), or without scale act(x W + b).
 *
 *   inputs       x [members, rows, inputs]; weight [members, inputs, outputs] or [members, blocks, inputs / blocks,
 *                outputs / blocks]; bias, and scale and shift if there are, [members, outputs]
 *   attributes   activation: its number
 *   outputs      y [members, rows, outputs]; unless y is that itself, x W + b, with a shift less each row's mean; of a
 *                normalised layer 1 / the root of each row [members, rows]
 */
export const normDense: Kernel = {
  name: 'NormDense',
  run(heap, { x, weight, bias, scale, shift }, attributes) {
    const layer = normLayerShape(x!, weight!);
    const { members, rows, blocks, depth, columns } = layer;
    const outputs = blocks * columns;
    const activation = Number(attributes.activation);
    const y = heap.output([members, rows, outputs]);
    const sums = activation || scale ? heap.output(y.shape) : y;
    const factors = scale && heap.output([members, rows]);
    for (let m = 0; m < members; m++) {
      for (let block = 0; block < blocks; block++) {
        multiply(
          heap,
          {
            ...{ rows, columns, depth },
            a: blockOf(heap.at(x!, m), layer, block, depth),
            c: blockOf(heap.at(sums, m), layer, block, columns),
            start: everyRow(heap.at(bias!, m) + 4 * block * columns),
          },
          weightOf(heap, weight!, layer, m, block),
        );
      }
      if (sums === y) continue;
      heap.functions.activateRows(
        rows,
        outputs,
        activation,
        heap.at(sums, m),
        scale ? heap.at(scale, m) : 0,
        shift ? heap.at(shift, m) : 0,
        factors ? heap.at(factors, m) : 0,
        heap.at(y, m),
      );
    }
    return [y, ...(sums === y ? [] : [sums]), ...(factors ? [factors] : [])];
  },
};

/**
 *   inputs       dy, and of what the forward kernel was given and gave x, weight, scale, shift, sum (absent where that is y)
 *                and factor
 *   attributes   activation, inputGradient, weightGradient
 *   outputs      dx if the input's gradient is asked for; if the weights' are, dweight, dbias, and dscale and
 *                dshift if there are scale and shift
 */
export const normDenseGradient: Kernel = {
  name: 'NormDenseGradient',
  run(heap, { dy, x, weight, scale, shift, sum, factor }, attributes) {
    const layer = normLayerShape(x!, weight!);
    const { members, rows, blocks, depth, columns } = layer;
    const outputs = blocks * columns;
    const dx = attributes.inputGradient ? heap.output(x!.shape) : undefined;
    const dWeight = attributes.weightGradient ? heap.output(weight!.shape) : undefined;
    const dBias = dWeight && heap.output([members, outputs]);
    const dScale = dWeight && scale && heap.output([members, outputs]);
    const dShift = dWeight && shift && heap.output([members, outputs]);
    heap.borrow(4 * (rows + 1) * outputs, (dSums) => {
      const unused = dSums + 4 * rows * outputs;
      for (let m = 0; m < members; m++) {
        if (sum) {
          heap.functions.sumGradients(
            rows,
            outputs,
            Number(attributes.activation),
            heap.at(dy!, m),
            heap.at(sum, m),
            scale ? heap.at(scale, m) : 0,
            shift ? heap.at(shift, m) : 0,
            factor ? heap.at(factor, m) : 0,
            dScale ? heap.at(dScale, m) : unused,
            dShift ? heap.at(dShift, m) : unused,
            dSums,
          );
        }
        const dOut = sum ? dSums : heap.at(dy!, m);
        if (dBias) heap.functions.sumRows(1, rows, outputs, dOut, heap.at(dBias, m));
        for (let block = 0; block < blocks; block++) {
          const dBlock = blockOf(dOut, layer, block, columns);
          if (dWeight) {
            const input = transposed(blockOf(heap.at(x!, m), layer, block, depth));
            const toWeight = { rows: depth, columns, depth: rows, a: input };
            multiply(heap, { ...toWeight, c: weightOf(heap, dWeight, layer, m, block) }, dBlock);
          }
          if (!dx) continue;
          const dIn = blockOf(heap.at(dx, m), layer, block, depth);
          const toInput = { rows, columns: depth, depth: columns, a: dBlock, c: dIn };
          multiply(heap, toInput, transposed(weightOf(heap, weight!, layer, m, block)));
        }
      }
    });
    return [dx, dWeight, dBias, dScale, dShift].filter((gradient) => gradient !== undefined);
  },
};
