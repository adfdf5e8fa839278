import type * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import { floats, type Kernel } from './kernel.ts';

/** Members, and elements of each. */
const membersOf = ({ shape }: tf.TensorInfo): [number, number] => [shape[0]!, size(shape.slice(1))];

export const training: readonly Kernel[] = [
  {
    name: 'MeanSquaredError',
    plan: ({ x, y, weight }, { factor }) => ({
      kernel: 'MeanSquaredError',
      operands: weight ? [x!, y!, weight] : [x!, y!],
      outputs: [floats([x!.shape[0]!]), floats(x!.shape)],
      parameters: [...membersOf(x!), Number(Boolean(weight)), Number(factor)],
    }),
  },
  {
    name: 'MeanSquaredErrorGradient',
    plan: ({ dy, weighted }) => ({
      kernel: 'MeanSquaredErrorGradient',
      operands: [dy!, weighted!],
      outputs: [floats(weighted!.shape)],
      parameters: membersOf(weighted!),
    }),
  },
  {
    name: 'LambdaReturn',
    plan: ({ reward, discount, nextValue }, { lambda }) => ({
      kernel: 'LambdaReturn',
      operands: [reward!, discount!, nextValue!],
      outputs: [floats(reward!.shape)],
      parameters: [size(reward!.shape.slice(0, -1)), reward!.shape.at(-1)!, Number(lambda)],
    }),
  },
  {
    name: 'GlobalNorm',
    plan: ({ x }) => ({
      kernel: 'GlobalNorm',
      operands: [x!],
      outputs: [floats([x!.shape[0]!, 1])],
      parameters: membersOf(x!),
    }),
  },
  {
    name: 'Adam',
    plan: (inputs, { clip, beta1, beta2, epsilon }) => {
      const { parameters, gradient, mean, square, norm, learningRate } = inputs;
      const { meanCorrection, squareCorrection } = inputs;
      return {
        kernel: 'Adam',
        operands: [
          ...[parameters!, gradient!, mean!, square!],
          ...[norm!, learningRate!, meanCorrection!, squareCorrection!],
        ],
        outputs: [parameters!, mean!, square!].map(({ shape }) => floats(shape)),
        parameters: [...membersOf(parameters!), ...[clip, beta1, beta2, epsilon].map(Number)],
        inPlace: true,
      };
    },
  },
  {
    name: 'AdaptiveClip',
    plan: ({ parameters, gradient }, { clip, leastNorm, sizes }) => {
      const pieces = sizes as number[];
      return {
        kernel: 'AdaptiveClip',
        operands: [parameters!, gradient!],
        outputs: [floats(gradient!.shape)],
        parameters: [...membersOf(gradient!), Number(clip), Number(leastNorm), pieces.length, ...pieces],
      };
    },
  },
  {
    name: 'LaProp',
    plan: (inputs, { beta1, beta2, unit, epsilon }) => {
      const { parameters, gradient, mean, square, learningRate, meanCorrection, squareCorrection } = inputs;
      return {
        kernel: 'LaProp',
        operands: [
          ...[parameters!, gradient!, mean!, square!],
          ...[learningRate!, meanCorrection!, squareCorrection!],
        ],
        outputs: [parameters!, mean!, square!].map(({ shape }) => floats(shape)),
        parameters: [...membersOf(parameters!), ...[beta1, beta2, unit, epsilon].map(Number)],
        inPlace: true,
      };
    },
  },
];
