import * as tf from '@tensorflow/tfjs-core';
import { size } from '../../src/engine/size.ts';
import {
  integers,
  moderate,
  type Numbers,
  numbersOf,
  SMALLEST,
  sparse,
  type Trial,
  type Trials,
  type Type,
  truth,
  types,
} from './trial.ts';

/** Trials of the kernels that sum, order and accumulate along axes, and of the product of matrices. */

const reduction = (
  f: (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor,
  of: readonly Type[],
  numbers?: Numbers,
  least = 0,
): Trials => ({
  compute: (trial) => {
    const { shape, axes } = trial.axes(least);
    return f(trial.x(shape, trial.of(of), numbers), axes, trial.below(2) > 0);
  },
});

/** The products of int32 as they wrap around: tfjs's `cpu` multiplies as float64, which is inexact above 2^53. */
function productOfIntegers(trial: Trial): tf.Tensor {
  const { shape, axes } = trial.axes();
  const dtype = trial.of<Type>(['float32', 'int32']);
  const x = trial.x(shape, dtype, dtype === 'float32' ? sparse : integers);
  const keepDims = trial.below(2) > 0;
  if (dtype === 'float32') return tf.prod(x, axes, keepDims);
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const values = tf.transpose(x, [...kept, ...axes]).dataSync<'int32'>();
  const count = size(axes.map((axis) => shape[axis]!));
  const products = Int32Array.from({ length: size(kept.map((axis) => shape[axis]!)) }, (_, i) =>
    values.slice(i * count, (i + 1) * count).reduce((product, value) => Math.imul(product, value), 1),
  );
  const result = shape.flatMap((n, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [n]));
  return tf.tensor(products, result, 'int32');
}

/** By the name of tfjs's kernel. */
export const reductionTrials: Record<string, Trials> = {
  Sum: { ...reduction(tf.sum, ['float32', 'int32', 'bool']), ...sums() },
  Prod: {
    ...reduction(tf.prod, ['float32', 'int32']),
    compute: (trial) => {
      const { shape, axes } = trial.axes();
      const dtype = trial.of<Type>(['float32', 'int32']);
      const x = trial.x(shape, dtype, dtype === 'float32' ? sparse : integers);
      return tf.prod(x, axes, trial.below(2) > 0);
    },
    wanted: productOfIntegers,
    relative: 5e-6,
    absolute: SMALLEST,
  },
  Max: reduction(tf.max, ['float32', 'int32'], undefined, 1),
  Min: reduction(tf.min, ['float32', 'int32'], undefined, 1),
  Mean: { ...reduction(tf.mean, ['float32'], sparse, 1), relative: 1e-6, absolute: 1e-6 },
  All: reduction(tf.all, ['bool'], truth, 1),
  Any: reduction(tf.any, ['bool'], truth, 1),
  ArgMax: alongNumbers((x, axis) => tf.argMax(x, axis)),
  ArgMin: alongNumbers((x, axis) => tf.argMin(x, axis)),
  Cumsum: alongNumbers((x, axis, trial) => tf.cumsum(x, axis, trial.below(2) > 0, trial.below(2) > 0)),
  Cumprod: alongNumbers(
    (x, axis, trial) => tf.cumprod(x, axis, trial.below(2) > 0, trial.below(2) > 0),
    // Of so few bits that float64 holds the products of `cpu`.
    (random) => random.integer(2 ** 21) - 2 ** 20,
  ),
  Softmax: {
    compute: (trial) => {
      const { shape } = trial.axis();
      return tf.softmax(trial.x([...shape.slice(0, -1), Math.max(1, shape.at(-1)!)], 'float32', sparse));
    },
    relative: 1e-6,
    absolute: SMALLEST,
  },

  UnsortedSegmentSum: {
    compute: (trial) => {
      const { shape } = trial.axis();
      const segments = 1 + trial.below(5);
      const ids = trial.x([shape[0]!], 'int32', (random) => random.integer(segments + 1) - 1);
      return tf.unsortedSegmentSum(trial.x(shape, 'float32', moderate), ids as tf.Tensor1D, segments);
    },
    absolute: 2e-5,
  },
  TopK: {
    compute: (trial) => {
      const { shape } = trial.axis();
      const last = Math.max(1, shape.at(-1)!);
      // Equal ones too: the lower index comes first.
      const whole: Numbers = (random) => random.integer(9) - 4;
      const x = trial.x([...shape.slice(0, -1), last], 'float32', trial.of([whole, moderate]));
      const { values, indices } = tf.topk(x, 1 + trial.below(last));
      return [values, indices];
    },
  },
  BatchMatMul: {
    compute: (trial) => {
      const [rows, depth, columns] = [1, 2, 3].map(() => trial.of([0, 1, 1, 2, 3, 5, 9, 17, 33])) as [
        number,
        number,
        number,
      ];
      const outer = trial.shape.slice(0, 2);
      const [transposeA, transposeB] = [trial.below(2) > 0, trial.below(2) > 0];
      const numbers = trial.of([moderate, sparse]);
      return tf.matMul(
        trial.x([...outer, ...(transposeA ? [depth, rows] : [rows, depth])], 'float32', numbers),
        trial.x([...outer, ...(transposeB ? [columns, depth] : [depth, columns])], 'float32', numbers),
        transposeA,
        transposeB,
      );
    },
    absolute: 5e-5,
  },
};

/** Of float32 the order of summation makes a difference. */
function sums(): Pick<Trials, 'compute' | 'absolute'> {
  return {
    compute: (trial) => {
      const { shape, axes } = trial.axes();
      const dtype = trial.of(types);
      const x = trial.x(shape, dtype, dtype === 'float32' ? sparse : numbersOf[dtype]);
      return tf.sum(x, axes, trial.below(2) > 0);
    },
    absolute: 5e-5,
  };
}

function alongNumbers(
  f: (x: tf.Tensor, axis: number, trial: Trial) => tf.Tensor,
  integer: Numbers = integers,
): Trials {
  return {
    compute: (trial) => {
      const { shape, axis } = trial.axis(1);
      const dtype = trial.of<Type>(['float32', 'int32']);
      return f(trial.x(shape, dtype, dtype === 'float32' ? sparse : integer), axis, trial);
    },
  };
}
