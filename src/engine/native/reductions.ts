import * as tf from '@tensorflow/tfjs-core';
import { axisOf } from '../kernel-inputs.ts';
import { size } from '../size.ts';
import { type Kernel, typed } from './kernel.ts';
import { merged, stridesOf } from './strides.ts';

/** One of tfjs's reductions by a kernel of the addon, whose result is multiplied by a factor. */
const reduction = (name: string, kernel: string, factor: (reduced: number) => number = () => 1): Kernel => ({
  name,
  plan: ({ x }, { axis, reductionIndices, keepDims }) => {
    const { shape, dtype } = x!;
    const axes = new Set(tf.util.parseAxisParam((reductionIndices ?? axis) as number[], shape));
    const strides = stridesOf(shape);
    const walk = (isReduced: boolean) => {
      const along = shape.flatMap((extent, i) =>
        axes.has(i) === isReduced ? [{ extent, stride: strides[i]! }] : [],
      );
      const { extents, strides: steps } = merged({
        extents: along.map(({ extent }) => extent),
        strides: [along.map(({ stride }) => stride)],
      });
      return [extents.length, ...extents, ...steps.flat()];
    };
    const kept = shape.flatMap((extent, i) => (axes.has(i) ? (keepDims ? [1] : []) : [extent]));
    const reduced = size(shape) / (size(kept) || 1);
    return {
      // The factor is for float32 alone.
      kernel: typed(dtype === 'float32' ? kernel : name, dtype),
      operands: [x!],
      outputs: { shape: kept, dtype },
      parameters: [...walk(false), ...walk(true), factor(reduced)],
    };
  },
});

/** The axis in the middle of what is before it and what is after it. */
function around(shape: readonly number[], axis: number): number[] {
  return [size(shape.slice(0, axis)), shape[axis]!, size(shape.slice(axis + 1))];
}

const argExtreme = (name: string): Kernel => ({
  name,
  plan: ({ x }, attributes) => {
    const axis = axisOf(attributes.axis, x!.shape.length);
    return {
      kernel: typed(name, x!.dtype),
      operands: [x!],
      outputs: { shape: x!.shape.toSpliced(axis, 1), dtype: 'int32' },
      parameters: around(x!.shape, axis),
    };
  },
});

const accumulation = (name: string): Kernel => ({
  name,
  plan: ({ x }, { axis, exclusive, reverse }) => ({
    kernel: typed(name, x!.dtype),
    operands: [x!],
    outputs: { shape: x!.shape, dtype: x!.dtype },
    parameters: [
      ...around(x!.shape, axisOf(axis, x!.shape.length)),
      Number(exclusive ?? false),
      Number(reverse ?? false),
    ],
  }),
});

export const reductions: readonly Kernel[] = [
  ...['Sum', 'Prod', 'Max', 'Min', 'All', 'Any'].map((name) => reduction(name, name)),
  reduction('Mean', 'Sum', (reduced) => 1 / reduced),
  argExtreme('ArgMax'),
  argExtreme('ArgMin'),
  accumulation('Cumsum'),
  accumulation('Cumprod'),
  {
    name: 'Softmax',
    plan: ({ logits }, { dim }) => {
      const { shape, dtype } = logits!;
      tf.util.assert(axisOf(dim, shape.length) === shape.length - 1, () => 'softmax: not over the last axis');
      return {
        kernel: typed('Softmax', dtype),
        operands: [logits!],
        outputs: { shape, dtype },
        parameters: [size(shape.slice(0, -1)), shape.at(-1)!],
      };
    },
  },
];
