import type * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import { floats, type Kernel } from './kernel.ts';

/** Rows over the last axis, and the numbers of each. */
const rowsOf = ({ shape }: tf.TensorInfo): [number, number] => [size(shape.slice(0, -1)), shape.at(-1)!];

/** Kernels of distributions over the classes or bins of the last axis. */
export const distributions: readonly Kernel[] = [
  {
    name: 'MixedLogProbabilities',
    plan: ({ logits }, { mix }) => {
      const ofLogits = floats(logits!.shape);
      return {
        kernel: 'MixedLogProbabilities',
        operands: [logits!],
        outputs: [ofLogits, ofLogits],
        parameters: [...rowsOf(logits!), Number(mix)],
      };
    },
  },
  {
    name: 'MixedLogProbabilitiesGradient',
    plan: ({ dy, probabilities }, { mix }) => ({
      kernel: 'MixedLogProbabilitiesGradient',
      operands: [dy!, probabilities!],
      outputs: [floats(dy!.shape)],
      parameters: [...rowsOf(dy!), Number(mix)],
    }),
  },
  {
    name: 'SampleCategorical',
    plan: ({ logP, uniform }) => ({
      kernel: 'SampleCategorical',
      operands: uniform ? [logP!, uniform] : [logP!],
      outputs: [floats(logP!.shape)],
      parameters: [...rowsOf(logP!), Number(Boolean(uniform))],
    }),
  },
  {
    name: 'CategoricalKl',
    plan: ({ logP, logQ }) => {
      const sums = floats(logP!.shape.slice(0, -2));
      return {
        kernel: 'CategoricalKl',
        operands: [logP!, logQ!],
        outputs: [sums],
        parameters: [size(sums.shape), size(logP!.shape.slice(-2))],
      };
    },
  },
  {
    name: 'CategoricalKlGradient',
    plan: ({ dy, logP, logQ }) => ({
      kernel: 'CategoricalKlGradient',
      operands: [dy!, logP!, logQ!],
      outputs: [floats(logP!.shape), floats(logQ!.shape)],
      parameters: [size(dy!.shape), size(logP!.shape.slice(-2))],
    }),
  },
  {
    name: 'TwoHotLoss',
    plan: ({ logits, target, bins }) => ({
      kernel: 'TwoHotLoss',
      operands: [logits!, target!, bins!],
      outputs: [floats(target!.shape), floats(logits!.shape)],
      parameters: rowsOf(logits!),
    }),
  },
  {
    name: 'TwoHotMean',
    plan: ({ logits, bins }) => ({
      kernel: 'TwoHotMean',
      operands: [logits!, bins!],
      outputs: [floats(logits!.shape.slice(0, -1)), floats(logits!.shape)],
      parameters: rowsOf(logits!),
    }),
  },
];
