import * as tf from '@tensorflow/tfjs-core';
import { tensorsOf } from '../kernel-inputs.ts';
import { size } from '../size.ts';
import { type Kernel, sameType, typed } from './kernel.ts';
import { broadcastStrides, merged } from './strides.ts';

/** y = f(x), with the attributes that f takes. */
const map = (name: string, dtype?: tf.DataType, parameters: readonly string[] = []): Kernel => ({
  name,
  plan: (inputs, attributes) => {
    const x = tensorsOf(inputs)[0]!;
    return {
      kernel: typed(name, x.dtype),
      operands: [x],
      outputs: { shape: x.shape, dtype: dtype ?? x.dtype },
      parameters: [size(x.shape), ...parameters.map((key) => Number(attributes[key]))],
      inPlace: true,
    };
  },
});

/** z = f(x, y), broadcast; of the operands' type where no other is given. */
const zip = (name: string, dtype?: tf.DataType): Kernel => ({
  name,
  plan: ({ a, b }) => {
    const shape = tf.broadcast_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
    const { extents, strides } = merged({
      extents: shape,
      strides: [a!, b!].map((x) => broadcastStrides(x.shape, shape)),
    });
    return {
      kernel: typed(name, sameType(name, [a!, b!])),
      operands: [a!, b!],
      outputs: { shape, dtype: dtype ?? a!.dtype },
      parameters: [extents.length, ...extents, ...strides.flat()],
      inPlace: true,
    };
  },
});

const unary = [
  ...['Abs', 'Ceil', 'Cos', 'Elu', 'Exp', 'Expm1', 'Floor', 'Log', 'Log1p', 'Neg', 'Reciprocal', 'Relu'],
  ...['Round', 'Rsqrt', 'Sigmoid', 'Sign', 'Sin', 'Softplus', 'Sqrt', 'Square', 'Tanh'],
];
const arithmetic = [
  ...['Add', 'Sub', 'Multiply', 'RealDiv', 'FloorDiv', 'Mod', 'Pow', 'Atan2', 'Maximum', 'Minimum'],
  'SquaredDifference',
];
const comparisons = [
  ...['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual', 'LogicalAnd', 'LogicalOr'],
];

export const elementwise: readonly Kernel[] = [
  ...unary.map((name) => map(name)),
  ...['IsFinite', 'IsInf', 'IsNan', 'LogicalNot'].map((name) => map(name, 'bool')),
  map('ClipByValue', undefined, ['clipValueMin', 'clipValueMax']),
  map('LeakyRelu', undefined, ['alpha']),
  map('Step', undefined, ['alpha']),
  ...arithmetic.map((name) => zip(name)),
  ...comparisons.map((name) => zip(name, 'bool')),
  {
    name: 'Cast',
    plan: ({ x }, attributes) => {
      const dtype = attributes.dtype as tf.DataType;
      const output = { shape: x!.shape, dtype };
      if (dtype === x!.dtype) return { same: x!, output };
      return {
        kernel: `Cast.${x!.dtype}.${dtype}`,
        operands: [x!],
        outputs: output,
        parameters: [size(x!.shape)],
      };
    },
  },
  {
    name: 'AddN',
    plan: (inputs) => {
      const operands = tensorsOf(inputs);
      const { shape, dtype } = operands[0]!;
      return {
        kernel: typed('AddN', sameType('AddN', operands)),
        operands,
        outputs: { shape, dtype },
        parameters: [operands.length, size(shape)],
        inPlace: true,
      };
    },
  },
  {
    name: 'Select',
    plan: ({ condition, t, e }) => {
      tf.util.assertShapesMatch(condition!.shape, t!.shape, 'where on engine native: ');
      return {
        kernel: typed('Select', sameType('Select', [t!, e!])),
        operands: [condition!, t!, e!],
        outputs: { shape: t!.shape, dtype: t!.dtype },
        parameters: [size(t!.shape)],
        inPlace: true,
      };
    },
  },
];
