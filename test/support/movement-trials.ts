import * as tf from '@tensorflow/tfjs-core';
import { numbersOf, ordinary, type Trial, type Trials, type Type, types } from './trial.ts';

/** Trials of the kernels that move numbers, or make them. */

/** What only moves, of any type. */
const movement = (f: (x: tf.Tensor, trial: Trial) => tf.Tensor | tf.Tensor[]): Trials => ({
  compute: (trial) => f(trial.x(trial.shape, trial.of(types)), trial),
  signedZeros: true,
});

const along = (
  f: (x: tf.Tensor, axis: number, trial: Trial) => tf.Tensor | tf.Tensor[],
  least = 0,
): Trials => ({
  compute: (trial) => {
    const { shape, axis } = trial.axis(least);
    return f(trial.x(shape, trial.of(types)), axis, trial);
  },
  signedZeros: true,
});

function stridedSlice(trial: Trial) {
  const { shape } = trial.axis();
  const position = (n: number) => trial.below(2 * n + 2) - n - 1;
  const mask = () => trial.below(2 ** shape.length);
  return {
    x: trial.x(shape, trial.of(types)),
    begin: shape.map(position),
    end: shape.map(position),
    strides: shape.map(() => trial.of([1, 2, 3, -1, -2])),
    beginMask: mask(),
    endMask: mask(),
  };
}

/** As Python slices; tfjs's `cpu` takes what ends before it begins for all that there is. */
function plainStridedSlice(trial: Trial): tf.Tensor {
  const { x, begin, end, strides, beginMask, endMask } = stridedSlice(trial);
  const positions = x.shape.map((n, axis) => {
    const stride = strides[axis]!;
    const [low, high] = stride > 0 ? [0, n] : [-1, n - 1];
    const clamped = (at: number) => Math.min(Math.max(at < 0 ? at + n : at, low), high);
    const first = beginMask & (1 << axis) ? (stride > 0 ? low : high) : clamped(begin[axis]!);
    const last = endMask & (1 << axis) ? (stride > 0 ? high : low) : clamped(end[axis]!);
    const count = Math.max(0, Math.ceil((last - first) / stride));
    return Array.from({ length: count }, (_, i) => first + i * stride);
  });
  const offsets = positions.reduce(
    (offsets, along, axis) => offsets.flatMap((offset) => along.map((at) => offset * x.shape[axis]! + at)),
    [0],
  );
  const values = x.dataSync<'float32'>();
  const sliced = values.slice(0, offsets.length).fill(0);
  for (const [i, offset] of offsets.entries()) sliced[i] = values[offset]!;
  return tf.tensor(
    sliced,
    positions.map(({ length }) => length),
    x.dtype,
  );
}

/** By the name of tfjs's kernel. */
export const movementTrials: Record<string, Trials> = {
  Identity: movement((x) => tf.clone(x)),
  Reshape: movement((x, trial) => tf.reshape(x, trial.of([[x.size], [1, x.size], [x.size, 1, 1]]))),
  ExpandDims: movement((x, trial) => tf.expandDims(x, trial.below(x.rank + 1))),
  Slice: along((x, _, trial) => {
    const begin = x.shape.map((n) => trial.below(n + 1));
    return tf.slice(
      x,
      begin,
      x.shape.map((n, i) => trial.below(n - begin[i]! + 2) - 1),
    );
  }),
  StridedSlice: {
    compute: (trial) => {
      const { x, begin, end, strides, beginMask, endMask } = stridedSlice(trial);
      return tf.stridedSlice(x, begin, end, strides, beginMask, endMask);
    },
    wanted: plainStridedSlice,
    signedZeros: true,
  },
  SplitV: along((x, axis, trial) => {
    const first = trial.below(x.shape[axis]! + 1);
    return tf.split(x, [first, x.shape[axis]! - first], axis);
  }),
  Unpack: along((x, axis) => tf.unstack(x, axis), 1),
  Concat: along((x, axis, trial) => {
    const other = trial.x(x.shape.with(axis, trial.below(4)), x.dtype as Type);
    return tf.concat(
      trial.of([
        [x, other],
        [other, x, x],
        [x, other, other],
      ]),
      axis,
    );
  }),
  Pack: movement((x, trial) =>
    tf.stack([x, trial.x(trial.shape, x.dtype as Type), x], trial.below(x.rank + 1)),
  ),
  Tile: along((x, _, trial) =>
    tf.tile(
      x,
      x.shape.map(() => trial.below(x.size > 100 ? 2 : 4)),
    ),
  ),
  Transpose: movement((x, trial) => tf.transpose(x, [...trial.random.permutation(x.rank)])),
  Reverse: along((x, axis, trial) => tf.reverse(x, trial.of([[axis], x.shape.map((_, i) => i)]))),
  PadV2: along((x, _, trial) =>
    tf.pad(
      x,
      x.shape.map(() => [trial.below(3), trial.below(3)]),
      trial.below(2),
    ),
  ),
  Fill: {
    compute: (trial) => {
      const dtype = trial.of(types);
      return tf.fill([...trial.shape], numbersOf[dtype](trial.random), dtype);
    },
    signedZeros: true,
  },
  ZerosLike: movement((x) => tf.zerosLike(x)),
  OnesLike: movement((x) => tf.onesLike(x)),
  Range: {
    compute: (trial) => {
      const isWhole = trial.below(2) > 0;
      const start = isWhole ? trial.below(99) - 50 : ordinary(trial.random);
      const step = (isWhole ? 1 + trial.below(5) : 0.1 + trial.random.uniform()) * trial.of([1, -1]);
      return tf.range(
        start,
        start + step * trial.below(40),
        step,
        isWhole ? trial.of(['float32', 'int32']) : 'float32',
      );
    },
    // `cpu` adds the steps one by one.
    relative: 1e-5,
    absolute: 1e-5,
  },
  GatherV2: {
    compute: (trial) => {
      const { axis, shape } = trial.axis(1);
      // That of nothing is beyond `cpu`.
      const x = trial.x(
        shape.map((n) => Math.max(1, n)),
        trial.of(types),
      );
      const batchDims = trial.below(axis + 1);
      const extents = [...x.shape.slice(0, batchDims), ...trial.of([[], [1], [5], [2, 3], [0]])];
      const indices = trial.x(extents, 'int32', (random) => random.integer(x.shape[axis]!));
      return tf.gather(x, indices, axis, batchDims);
    },
    signedZeros: true,
  },
  OneHot: {
    compute: (trial) => {
      const indices = trial.x(trial.shape, 'int32', (random) => random.integer(8) - 2);
      return tf.oneHot(indices, 2 + trial.below(4), 3, -2, trial.of(['float32', 'int32']));
    },
  },
};
