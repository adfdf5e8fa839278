import * as tf from '@tensorflow/tfjs-core';
import {
  anyFloat,
  arrays,
  exponents,
  type Numbers,
  SMALLEST,
  type Trials,
  type Type,
  truthOf,
  types,
} from './trial.ts';

/** Trials of the kernels that go element by element. */

const unary = (f: (x: tf.Tensor) => tf.Tensor, numbers: Numbers = anyFloat): Trials => ({
  compute: (trial) => f(trial.x(trial.shape, 'float32', numbers)),
});

/** One of the elementary functions; what is smaller than the smallest normal number counts as nothing. */
const elementary = (
  f: (x: tf.Tensor) => tf.Tensor,
  relative: number,
  numbers: Numbers = anyFloat,
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

const comparison = (f: Binary) => binary(f, types);

/** By the name of tfjs's kernel. */
export const elementwiseTrials: Record<string, Trials> = {
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
    compute: (trial) => tf.cast(trial.x(trial.shape, trial.of(types)), trial.of(types)),
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
};
