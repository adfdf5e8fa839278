import type * as tf from '@tensorflow/tfjs-core';
import {
  gruShape,
  matMulShape,
  normLayerShape,
  numberedInputs,
  rowsOf,
  type SweepShape,
  sweepOf,
  sweepTo,
} from '../kernel-inputs.ts';
import { floats, type Kernel } from './kernel.ts';

/** Extents of what goes into the layers, and of what comes out of the last one. */
const widthsOf = (weights: readonly tf.TensorInfo[]): number[] => [
  ...weights.map(({ shape }) => shape[1]!),
  ...weights.slice(-1).map(({ shape }) => shape[2]!),
];

/**
 *   inputs   x [members, …, inputs]; weight0 [members, inputs, outputs], bias0 [members, outputs], weight1, …
 *   outputs  y [members, …, outputs]; then the activations of each hidden layer
 */
const mlp = (name: string): Kernel => ({
  name,
  plan: (inputs) => {
    const x = inputs.x!;
    const weights = numberedInputs(inputs, 'weight');
    const biases = numberedInputs(inputs, 'bias');
    const values = weights.map(({ shape }) => floats(x.shape.with(-1, shape[2]!)));
    return {
      kernel: name,
      operands: [x, ...weights.flatMap((weight, i) => [weight, biases[i]!])],
      outputs: [values.at(-1)!, ...values.slice(0, -1)],
      parameters: [x.shape[0]!, rowsOf(x), weights.length, ...widthsOf(weights)],
    };
  },
});

/**
 *   inputs   dy, x, weight0, weight1, …; hidden0, hidden1, …: the activations from the forward kernel
 *   outputs  dx if the attribute `inputGradient` is set; then, if `weightGradient` is, dweight0, dbias0, dweight1, …
 */
const mlpGradient = (name: string): Kernel => ({
  name,
  plan: (inputs, { inputGradient, weightGradient }) => {
    const x = inputs.x!;
    const weights = numberedInputs(inputs, 'weight');
    const members = x.shape[0]!;
    return {
      kernel: name,
      operands: [inputs.dy!, x, ...weights, ...numberedInputs(inputs, 'hidden')],
      outputs: [
        ...(inputGradient ? [floats(x.shape)] : []),
        ...(weightGradient ? weights : []).flatMap(({ shape }) => [
          floats(shape),
          floats([members, shape[2]!]),
        ]),
      ],
      parameters: [
        ...[members, rowsOf(x), weights.length, ...widthsOf(weights)],
        ...[Number(inputGradient), Number(weightGradient)],
      ],
    };
  },
});

const present = (...operands: (tf.TensorInfo | undefined)[]): tf.TensorInfo[] =>
  operands.filter((operand) => operand !== undefined);

/** Of a normalised layer: members, rows, blocks, depth and columns of a block, activation, how many vectors normalise it. */
function normLayerOf(
  x: tf.TensorInfo,
  weight: tf.TensorInfo,
  normalisers: readonly tf.TensorInfo[],
  activation: unknown,
): number[] {
  const { members, rows, blocks, depth, columns } = normLayerShape(x, weight);
  return [members, rows, blocks, depth, columns, Number(activation), normalisers.length];
}

/**
 *   inputs   x [members, rows, inputs]; weight [members, blocks, inputs / blocks, outputs / blocks], without the axis of
 *            blocks where there is one; bias [members, outputs]; likewise scale where outputs are normalised, and shift
 *            where that is by mean and variance
 *   outputs  y [members, rows, outputs]; unless that is it, the sum x W + b, with a shift less its mean; factor
 *            [members, rows] of a normalised one
 */
const normDense: Kernel = {
  name: 'NormDense',
  plan: ({ x, weight, bias, scale, shift }, { activation }) => {
    const normalisers = present(scale, shift);
    const [members, rows] = x!.shape as [number, number];
    const y = floats([members, rows, bias!.shape[1]!]);
    return {
      kernel: 'NormDense',
      operands: [x!, weight!, bias!, ...normalisers],
      outputs: [y, ...(activation || scale ? [y] : []), ...(scale ? [floats([members, rows])] : [])],
      parameters: normLayerOf(x!, weight!, normalisers, activation),
    };
  },
};

/**
 *   inputs   dy, x, weight, perhaps scale and shift; sum and factor as the forward kernel gives them
 *   outputs  dx if the attribute `inputGradient` is set; if `weightGradient` is, dweight, dbias, perhaps dscale and dshift
 */
const normDenseGradient: Kernel = {
  name: 'NormDenseGradient',
  plan: ({ dy, x, weight, scale, shift, sum, factor }, { activation, inputGradient, weightGradient }) => {
    const normalisers = present(scale, shift);
    const ofOutputs = floats([dy!.shape[0]!, dy!.shape[2]!]);
    return {
      kernel: 'NormDenseGradient',
      operands: [dy!, x!, weight!, ...present(sum, scale, factor, shift)],
      outputs: [
        ...(inputGradient ? [floats(x!.shape)] : []),
        ...(weightGradient ? [floats(weight!.shape), ofOutputs, ...normalisers.map(() => ofOutputs)] : []),
      ],
      parameters: [
        ...normLayerOf(x!, weight!, normalisers, activation),
        ...[Number(inputGradient), Number(weightGradient)],
      ],
    };
  },
};

/** A kernel's way over images, as the addon reads it. */
const sweepParameters = ({ images, patches, kernel }: SweepShape): number[] => [
  ...images,
  ...kernel,
  ...patches.slice(1, 3),
];

export const networks: readonly Kernel[] = [
  {
    name: 'Patches',
    plan: ({ x }, attributes) => {
      const sweep = sweepOf(x!, attributes);
      return {
        ...{ kernel: 'Patches', operands: [x!], outputs: [floats(sweep.patches)] },
        parameters: sweepParameters(sweep),
      };
    },
  },
  {
    name: 'OverlaidPatches',
    plan: ({ x }, attributes) => {
      const sweep = sweepTo(x!, attributes);
      return {
        ...{ kernel: 'OverlaidPatches', operands: [x!], outputs: [floats(sweep.images)] },
        parameters: sweepParameters(sweep),
      };
    },
  },
  normDense,
  normDenseGradient,
  mlp('Mlp'),
  mlp('TanhMlp'),
  mlpGradient('MlpGradient'),
  mlpGradient('TanhMlpGradient'),
  {
    name: 'BatchMatMul',
    plan: ({ a, b }, { transposeA, transposeB }) => {
      const { outer, batch, rows, columns, depth, aStep, bStep } = matMulShape(
        a!,
        b!,
        Boolean(transposeA),
        Boolean(transposeB),
      );
      /** From row to row and from column to column. */
      const strides = ({ shape }: tf.TensorInfo, isTransposed: unknown) =>
        isTransposed ? [1, shape.at(-1)!] : [shape.at(-1)!, 1];
      return {
        kernel: 'BatchMatMul',
        operands: [a!, b!],
        outputs: floats([...outer, rows, columns]),
        parameters: [
          ...[batch, rows, columns, depth],
          ...[aStep, ...strides(a!, transposeA)],
          ...[bStep, ...strides(b!, transposeB)],
        ],
      };
    },
  },
  {
    name: 'GruStep',
    plan: ({ gates, hidden }, { blocks }) => ({
      kernel: 'GruStep',
      operands: [gates!, hidden!],
      outputs: [floats(hidden!.shape)],
      parameters: gruShape(hidden!, Number(blocks)),
    }),
  },
  {
    name: 'GruStepGradient',
    plan: ({ dy, gates, hidden }, { blocks }) => ({
      kernel: 'GruStepGradient',
      operands: [dy!, gates!, hidden!],
      outputs: [floats(gates!.shape), floats(hidden!.shape)],
      parameters: gruShape(hidden!, Number(blocks)),
    }),
  },
  {
    name: 'LstmSequence',
    plan: ({ inputs, weight, keep }) => {
      const [members, batch, steps, width] = inputs!.shape as [number, number, number, number];
      const units = width / 4;
      return {
        kernel: 'LstmSequence',
        operands: [inputs!, weight!, keep!],
        outputs: [2, 4, 1].map((multiple) => floats([members, batch, steps, multiple * units])),
        parameters: [members, batch, steps, units],
      };
    },
  },
  {
    name: 'LstmSequenceGradient',
    plan: ({ dStates, weight, keep, states, gates, hiddenBefore }) => {
      const [members, batch, steps, width] = gates!.shape as [number, number, number, number];
      return {
        kernel: 'LstmSequenceGradient',
        operands: [dStates!, weight!, keep!, states!, gates!, hiddenBefore!],
        outputs: [floats(gates!.shape), floats(weight!.shape)],
        parameters: [members, batch, steps, width / 4],
      };
    },
  },
  {
    name: 'RollOut',
    plan: (inputs) => {
      const { latent, hidden, cell, gumbel, actions } = inputs;
      const path = (actions ?? gumbel)!;
      const [members, starts, horizon, choices] = path.shape as [number, number, number, number];
      const latents = latent!.shape[2]!;
      const weights = gumbel ? numberedInputs(inputs, 'weight') : [];
      const biases = numberedInputs(inputs, 'bias');
      const latentPath = floats([members, starts, horizon, latents]);
      const { inputWeight, recurrentWeight, gateBias, latentWeight, latentBias } = inputs;
      return {
        kernel: 'RollOut',
        operands: [
          ...[latent!, hidden!, cell!, inputWeight!, recurrentWeight!, gateBias!, latentWeight!, latentBias!],
          ...[path, ...weights.flatMap((weight, i) => [weight, biases[i]!])],
        ],
        outputs: [latentPath, floats(path.shape), latentPath],
        parameters: [
          ...[members, starts, latents, choices, hidden!.shape[2]!, horizon],
          ...[weights.length, ...widthsOf(weights)],
        ],
      };
    },
  },
];
