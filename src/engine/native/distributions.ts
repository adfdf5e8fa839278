import { lastAxisRows, lastTwoAxesRows } from '../kernel-inputs.ts';
import { floats, type Kernel } from './kernel.ts';

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
        parameters: [...lastAxisRows(logits!), Number(mix)],
      };
    },
  },
  {
    name: 'MixedLogProbabilitiesGradient',
    plan: ({ dy, probabilities }, { mix }) => ({
      kernel: 'MixedLogProbabilitiesGradient',
      operands: [dy!, probabilities!],
      outputs: [floats(dy!.shape)],
      parameters: [...lastAxisRows(dy!), Number(mix)],
    }),
  },
  {
    name: 'SampleCategorical',
    plan: ({ logP, uniform }) => ({
      kernel: 'SampleCategorical',
      operands: uniform ? [logP!, uniform] : [logP!],
      outputs: [floats(logP!.shape)],
      parameters: [...lastAxisRows(logP!), Number(Boolean(uniform))],
    }),
  },
  {
    name: 'CategoricalKl',
    plan: ({ logP, logQ }) => ({
      kernel: 'CategoricalKl',
      operands: [logP!, logQ!],
      outputs: [floats(logP!.shape.slice(0, -2))],
      parameters: lastTwoAxesRows(logP!),
    }),
  },
  {
    name: 'CategoricalKlGradient',
    plan: ({ dy, logP, logQ }) => ({
      kernel: 'CategoricalKlGradient',
      operands: [dy!, logP!, logQ!],
      outputs: [floats(logP!.shape), floats(logQ!.shape)],
      parameters: lastTwoAxesRows(logP!),
    }),
  },
  {
    name: 'TwoHotLoss',
    plan: ({ logits, target, bins }) => ({
      kernel: 'TwoHotLoss',
      operands: [logits!, target!, bins!],
      outputs: [floats(target!.shape), floats(logits!.shape)],
      parameters: lastAxisRows(logits!),
    }),
  },
  {
    name: 'TwoHotMean',
    plan: ({ logits, bins }) => ({
      kernel: 'TwoHotMean',
      operands: [logits!, bins!],
      outputs: [floats(logits!.shape.slice(0, -1)), floats(logits!.shape)],
      parameters: lastAxisRows(logits!),
    }),
  },
];
