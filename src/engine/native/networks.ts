import * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';

const float = (shape: number[]) => ({ shape, dtype: 'float32' as const });

/** weight0, weight1, … of a kernel's inputs. */
function numbered(inputs: tf.NamedTensorInfoMap, name: string): tf.TensorInfo[] {
  const tensors: tf.TensorInfo[] = [];
  for (let i = 0; inputs[`${name}${i}`]; i++) tensors.push(inputs[`${name}${i}`]!);
  return tensors;
}

/** Extents of what goes into the layers, and of what comes out of the last one. */
const widthsOf = (weights: readonly tf.TensorInfo[]): number[] => [
  ...weights.map(({ shape }) => shape[1]!),
  ...weights.slice(-1).map(({ shape }) => shape[2]!),
];

/** A kernel's batch of rows: members, and rows of each. */
const rowsOf = ({ shape }: tf.TensorInfo): [number, number] => [shape[0]!, size(shape.slice(1, -1))];

/**
 *   inputs   x [members, …, inputs]; weight0 [members, inputs, outputs], bias0 [members, outputs], weight1, …
 *   outputs  y [members, …, outputs]; then the activations of each hidden layer
 */
const mlp = (name: string): Kernel => ({
  name,
  plan: (inputs) => {
    const x = inputs.x!;
    const weights = numbered(inputs, 'weight');
    const biases = numbered(inputs, 'bias');
    const values = weights.map(({ shape }) => float(x.shape.with(-1, shape[2]!)));
    return {
      kernel: name,
      operands: [x, ...weights.flatMap((weight, i) => [weight, biases[i]!])],
      outputs: [values.at(-1)!, ...values.slice(0, -1)],
      parameters: [...rowsOf(x), weights.length, ...widthsOf(weights)],
    };
  },
});

/**
 *   inputs   dy, x, weight0, weight1, …; hidden0, hidden1, …: the activations from the forward kernel
 *   outputs  dx if the attribute `inputGradient` is set; then dweight0, dbias0, dweight1, …
 */
const mlpGradient = (name: string): Kernel => ({
  name,
  plan: (inputs, { inputGradient }) => {
    const x = inputs.x!;
    const weights = numbered(inputs, 'weight');
    const [members, rows] = rowsOf(x);
    return {
      kernel: name,
      operands: [inputs.dy!, x, ...weights, ...numbered(inputs, 'hidden')],
      outputs: [
        ...(inputGradient ? [float(x.shape)] : []),
        ...weights.flatMap(({ shape }) => [float(shape), float([members, shape[2]!])]),
      ],
      parameters: [members, rows, weights.length, ...widthsOf(weights), Number(inputGradient)],
    };
  },
});

export const networks: readonly Kernel[] = [
  mlp('Mlp'),
  mlp('TanhMlp'),
  mlpGradient('MlpGradient'),
  mlpGradient('TanhMlpGradient'),
  {
    name: 'BatchMatMul',
    plan: ({ a, b }, { transposeA, transposeB }) => {
      const [aRows, aColumns] = a!.shape.slice(-2) as [number, number];
      const [bRows, bColumns] = b!.shape.slice(-2) as [number, number];
      const [rows, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
      const columns = transposeB ? bRows : bColumns;
      const outer = tf.broadcast_util.assertAndGetBroadcastShape(
        a!.shape.slice(0, -2),
        b!.shape.slice(0, -2),
      );
      const batch = size(outer);
      const step = ({ shape }: tf.TensorInfo) => {
        const own = size(shape.slice(0, -2));
        if (own !== batch && own !== 1)
          throw new Error(`matMul: cannot broadcast [${a!.shape}] with [${b!.shape}]`);
        return own === 1 ? 0 : size(shape.slice(-2));
      };
      return {
        kernel: 'BatchMatMul',
        operands: [a!, b!],
        outputs: float([...outer, rows, columns]),
        parameters: [
          ...[batch, rows, columns, depth],
          ...[step(a!), ...(transposeA ? [1, aColumns] : [aColumns, 1])],
          ...[step(b!), ...(transposeB ? [1, bColumns] : [bColumns, 1])],
        ],
      };
    },
  },
  {
    name: 'LstmSequence',
    plan: ({ inputs, weight, keep }) => {
      const [members, batch, steps, width] = inputs!.shape as [number, number, number, number];
      const units = width / 4;
      return {
        kernel: 'LstmSequence',
        operands: [inputs!, weight!, keep!],
        outputs: [2, 4, 1].map((multiple) => float([members, batch, steps, multiple * units])),
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
        outputs: [float(gates!.shape), float(weight!.shape)],
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
      const weights = gumbel ? numbered(inputs, 'weight') : [];
      const biases = numbered(inputs, 'bias');
      const latentPath = float([members, starts, horizon, latents]);
      const { inputWeight, recurrentWeight, gateBias, latentWeight, latentBias } = inputs;
      return {
        kernel: 'RollOut',
        operands: [
          ...[latent!, hidden!, cell!, inputWeight!, recurrentWeight!, gateBias!, latentWeight!, latentBias!],
          ...[path, ...weights.flatMap((weight, i) => [weight, biases[i]!])],
        ],
        outputs: [latentPath, float(path.shape), latentPath],
        parameters: [
          ...[members, starts, latents, choices, hidden!.shape[2]!, horizon],
          ...[weights.length, ...widthsOf(weights)],
        ],
      };
    },
  },
];
