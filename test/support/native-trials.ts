import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { size } from '../../src/engine/size.ts';
import { RandomStream } from '../../src/random/stream.ts';

/** What the engine native's kernels for tfjs's operations are tried on, and how near they have to come. */

/** A distribution of numbers. */
type Numbers = (random: RandomStream) => number;

const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: negativeInfinity } = Number;
const SMALLEST = 2 ** -126;
const specials = [
  ...[nan, infinity, negativeInfinity, 0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5],
  ...[2 ** -149, -1e-40, SMALLEST, -SMALLEST, 3.4028234663852886e38, -3.4028234663852886e38, 16777217],
];
const edges = [
  0,
  1,
  -1,
  2,
  -2,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 24 + 1,
  -(2 ** 24) - 1,
  46341,
  65536,
  123456789,
];

/** Ten thousandths to thousands. */
const ordinary: Numbers = (random) => random.normal() * 10 ** (random.integer(8) - 4);
const any: Numbers = (random) =>
  random.integer(5) === 0 ? specials[random.integer(specials.length)]! : ordinary(random);
/** Float32 ends at e^88.72, the kernel's exp at e^88.3, as its docstring says. */
const exponents: Numbers = (random) => {
  const x = any(random);
  return x > 88.2 && x < 88.8 ? 88 : x;
};
const moderate: Numbers = (random) => 4 * random.uniform() - 2;
/** Moderate, and at times not a number or infinite. */
const sparse: Numbers = (random) =>
  random.integer(40) === 0 ? [nan, infinity, negativeInfinity][random.integer(3)]! : moderate(random);
const integers: Numbers = (random) =>
  [
    () => edges[random.integer(edges.length)]!,
    () => random.integer(2 ** 32) | 0,
    () => random.integer(9) - 4,
  ][random.integer(3)]!();
const truth: Numbers = (random) => random.integer(2);

const numbersOf = { float32: any, int32: integers, bool: truth };
type Type = keyof typeof numbersOf;
const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
const truthOf = (x: number): number => Number(x !== 0);
const types: Type[] = ['float32', 'int32', 'bool'];

/** One trial: a shape, and choices from a seed. The same on every engine. */
export class Trial {
  readonly shape: readonly number[];
  readonly random: RandomStream;

  constructor({ shape, seed }: Drawn) {
    this.shape = shape;
    this.random = RandomStream.named(seed, 'trial');
  }

  /** @returns an integer in [0, bound) */
  below(bound: number): number {
    return this.random.integer(bound);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  x(
    shape: readonly number[] = this.shape,
    dtype: Type = 'float32',
    numbers: Numbers = numbersOf[dtype],
  ): tf.Tensor {
    // Written into an array of the type, which makes float32 of what is finer.
    const array = new arrays[dtype](size(shape));
    for (let i = 0; i < array.length; i++) array[i] = numbers(this.random);
    return tf.tensor(array, [...shape], dtype);
  }

  /** Two that can be broadcast to the trial's shape. */
  pair(dtype: Type = 'float32', numbers?: Numbers): [tf.Tensor, tf.Tensor] {
    const part = () => {
      const shape = this.shape.map((n) => (this.below(3) === 0 ? 1 : n));
      return this.below(3) === 0 ? shape.slice(this.below(shape.length + 1)) : shape;
    };
    const shapes = [this.shape, part()] as const;
    const [a, b] = this.below(2) ? shapes : [part(), shapes[this.below(2)]!];
    return [this.x(a, dtype, numbers), this.x(b, dtype, numbers)];
  }

  /** The shape, with at least one axis, and one of them. */
  axis(least = 0): { shape: number[]; axis: number } {
    const shape = this.shape.length === 0 ? [1] : [...this.shape];
    const axis = this.below(shape.length);
    shape[axis] = Math.max(least, shape[axis]!);
    return { shape, axis };
  }

  /** Some axes of the shape, whose extents are at least so much. */
  axes(least = 0): { shape: number[]; axes: number[] } {
    const axes = this.shape.flatMap((_, axis) => (this.below(2) ? [axis] : []));
    return { shape: this.shape.map((n, axis) => (axes.includes(axis) ? Math.max(least, n) : n)), axes };
  }
}

export interface Drawn {
  shape: number[];
  seed: number;
}

const extent = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);
/** Ranks 0 to 5, and rows longer than every vector. */
export const drawn: fc.Arbitrary<Drawn> = fc.record({
  shape: fc.oneof(
    { weight: 3, arbitrary: fc.array(extent, { maxLength: 5 }) },
    {
      weight: 1,
      arbitrary: fc.tuple(extent, fc.integer({ min: 1, max: 90 })).map(([m, n]) => (m === 0 ? [n] : [m, n])),
    },
  ),
  seed: fc.nat(1_000_000_000),
});

/** How a kernel is tried. */
export interface Trials {
  compute: (trial: Trial) => tf.Tensor | tf.Tensor[];
  /** What it should give, where the backend `cpu` is itself inexact or wrong; by default that. */
  wanted?: (trial: Trial) => tf.Tensor | tf.Tensor[];
  /** Largest relative error; by default none. */
  relative?: number;
  /** Largest absolute error besides. */
  absolute?: number;
  /** Whether the sign of a zero counts. */
  signedZeros?: boolean;
}

const unary = (f: (x: tf.Tensor) => tf.Tensor, numbers: Numbers = any): Trials => ({
  compute: (trial) => f(trial.x(trial.shape, 'float32', numbers)),
});

/** One of the elementary functions; what is smaller than the smallest normal number counts as nothing. */
const elementary = (
  f: (x: tf.Tensor) => tf.Tensor,
  relative: number,
  numbers: Numbers = any,
  plain?: (x: number) => number,
): Trials => ({
  compute: (trial) => f(trial.x(trial.shape, 'float32', numbers)),
  ...(plain && {
    wanted: (trial) => {
      const x = trial.x(trial.shape, 'float32', numbers);
      return tf.tensor(x.dataSync<'float32'>().map(plain), x.shape);
    },
  }),
  relative,
  absolute: SMALLEST,
});

type Binary = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor;

const binary = (f: Binary, of: readonly Type[] = ['float32'], numbers?: Numbers): Trials => ({
  compute: (trial) => f(...trial.pair(trial.of(of), numbers)),
});

/** A function of numbers in plain JavaScript, broadcast. */
function zipped(a: tf.Tensor, b: tf.Tensor, f: (x: number, y: number) => number): tf.Tensor {
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
  // Times ones, which changes no number and broadcasts empty ones too.
  const [x, y] = [a, b].map((part) => tf.mul(part, tf.ones(shape, a.dtype)).dataSync<'float32'>());
  return tf.tensor(
    x!.map((value, i) => f(value, y![i]!)),
    shape,
    a.dtype,
  );
}

/** By such a function for the types that one is given for, elsewhere as `cpu` does it. */
const binaryAgainst = (
  f: Binary,
  plain: Partial<Record<Type, (x: number, y: number) => number>>,
): Trials => ({
  ...binary(f, ['float32', 'int32']),
  wanted: (trial) => {
    const [a, b] = trial.pair(trial.of(['float32', 'int32']));
    const own = plain[a.dtype as Type];
    return own ? zipped(a, b, own) : f(a, b);
  },
});

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

const comparison = (f: Binary) => binary(f, types);

/** By the name of tfjs's kernel. */
export const trials: Record<string, Trials> = {
  Abs: {
    compute: (trial) => tf.abs(trial.x(trial.shape, trial.of(['float32', 'int32']))),
    // `cpu` rounds an int32 to float32.
    wanted: (trial) => {
      const x = trial.x(trial.shape, trial.of(['float32', 'int32']));
      return tf.tensor(x.dataSync<'float32'>().map(Math.abs), x.shape, x.dtype);
    },
  },
  Ceil: unary(tf.ceil),
  Cos: elementary(tf.cos, 2e-7),
  Elu: elementary(tf.elu, 5e-7, exponents),
  Exp: elementary(tf.exp, 2e-7, exponents),
  Expm1: elementary(tf.expm1, 5e-7, exponents),
  Floor: unary(tf.floor),
  Log: elementary(tf.log, 2e-7),
  Log1p: elementary(tf.log1p, 4e-7),
  Neg: { compute: (trial) => tf.neg(trial.x(trial.shape, trial.of(['float32', 'int32']))) },
  Reciprocal: unary(tf.reciprocal),
  Relu: unary(tf.relu),
  Round: unary(tf.round),
  Rsqrt: elementary(tf.rsqrt, 2e-7),
  Sigmoid: elementary(tf.sigmoid, 3e-7, exponents),
  Sign: unary(tf.sign),
  Sin: elementary(tf.sin, 2e-7),
  // tfjs leaves the logarithm out below -14, where that is off by 4e-7.
  Softplus: elementary(
    tf.softplus,
    5e-7,
    exponents,
    (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  ),
  Sqrt: unary(tf.sqrt),
  Square: unary(tf.square),
  Tanh: elementary(tf.tanh, 4e-7),
  IsFinite: unary(tf.isFinite),
  IsInf: unary(tf.isInf),
  IsNan: unary(tf.isNaN),
  LogicalNot: { compute: (trial) => tf.logicalNot(trial.x(trial.shape, 'bool')) },
  ClipByValue: unary((x) => tf.clipByValue(x, -0.25, 1.5)),
  LeakyRelu: unary((x) => tf.leakyRelu(x, 0.25)),
  Step: unary((x) => tf.step(x, 0.25)),

  Add: binary(tf.add, ['float32', 'int32']),
  Sub: binary(tf.sub, ['float32', 'int32']),
  Multiply: binaryAgainst(tf.mul, { int32: Math.imul }),
  RealDiv: binary(tf.div),
  // As TensorFlow: the quotient is rounded before it is cut off. Zero by zero of integers is 0, not an exception.
  FloorDiv: binaryAgainst(tf.floorDiv, {
    float32: (x, y) => Math.floor(Math.fround(x / y)),
    int32: (x, y) => Math.floor(x / y) | 0,
  }),
  Mod: {
    ...binary(tf.mod),
    // The sum that brings the rest to the divisor's sign is one of float32.
    wanted: (trial) =>
      zipped(...trial.pair(trial.of(['float32'])), (x, y) => {
        const rest = x % y;
        return x < 0 === y < 0 ? rest : Math.fround(rest + y) % y;
      }),
  },
  Pow: { ...binary(tf.pow), relative: 3e-7, absolute: SMALLEST },
  Atan2: { ...binary(tf.atan2), relative: 3e-7, absolute: SMALLEST },
  Maximum: binary(tf.maximum, ['float32', 'int32']),
  Minimum: binary(tf.minimum, ['float32', 'int32']),
  SquaredDifference: {
    ...binaryAgainst(tf.squaredDifference, { int32: (x, y) => Math.imul(x - y, x - y) }),
    relative: 3e-7,
    absolute: SMALLEST,
  },
  Equal: comparison(tf.equal),
  NotEqual: comparison(tf.notEqual),
  Less: comparison(tf.less),
  LessEqual: comparison(tf.lessEqual),
  Greater: comparison(tf.greater),
  GreaterEqual: comparison(tf.greaterEqual),
  LogicalAnd: binary(tf.logicalAnd, ['bool']),
  LogicalOr: binary(tf.logicalOr, ['bool']),
  Cast: {
    ...movement((x, trial) => tf.cast(x, trial.of(types))),
    // `cpu` keeps all digits of an int32 that becomes float32.
    wanted: (trial) => {
      const x = trial.x(trial.shape, trial.of(types));
      const dtype = trial.of(types);
      const values = x.dataSync<'float32'>();
      return tf.tensor(arrays[dtype].from(dtype === 'bool' ? values.map(truthOf) : values), x.shape, dtype);
    },
  },
  AddN: { compute: (trial) => tf.addN(Array.from({ length: 1 + trial.below(4) }, () => trial.x())) },
  Select: {
    compute: (trial) => {
      const dtype = trial.of(types);
      return tf.where(trial.x(trial.shape, 'bool'), trial.x(trial.shape, dtype), trial.x(trial.shape, dtype));
    },
    signedZeros: true,
  },

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
  UnsortedSegmentSum: {
    compute: (trial) => {
      const { shape } = trial.axis();
      const segments = 1 + trial.below(5);
      const ids = trial.x([shape[0]!], 'int32', (random) => random.integer(segments + 1) - 1);
      return tf.unsortedSegmentSum(trial.x(shape, 'float32', moderate), ids as tf.Tensor1D, segments);
    },
    absolute: 2e-5,
  },
  OneHot: {
    compute: (trial) => {
      const indices = trial.x(trial.shape, 'int32', (random) => random.integer(8) - 2);
      return tf.oneHot(indices, 2 + trial.below(4), 3, -2, trial.of(['float32', 'int32']));
    },
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
