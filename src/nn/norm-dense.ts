import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownGradients, ownKernel } from '../engine/own-kernel.ts';
import { ones } from './initialisers.ts';
import { linearSpecs } from './linear.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** What follows each layer. */
export type NormActivation = 'silu' | 'elu';

/** 1 / the standard deviation of a standard normal truncated at ±2: makes the variance of a weight 1 / inputs. */
export const TRUNCATED_NORMAL_GAIN = 1.1368;
/** What is added to the mean square before its root. */
const RMS_EPSILON = 1e-4;

/**
 * The parameters of the layer called `name`: weights of variance scale² / inputs, a bias of zeros, and with `norm` the
 * scale of the normalised outputs, ones.
 */
export function normLayerSpecs(
  name: string,
  inputs: number,
  outputs: number,
  norm: boolean,
  scale = 1,
): ParameterSpec[] {
  return [
    ...linearSpecs(name, inputs, outputs, TRUNCATED_NORMAL_GAIN * scale),
    ...normSpecs(name, outputs, norm),
  ];
}

/**
 * The same of a block-diagonal layer: block k of the outputs sees block k of the inputs alone. The variance of a weight
 * is scale² / inputs all the same, not the larger one of the inputs that it sees, as the authors of DreamerV3 have it.
 *
 * @param inputs of all blocks together, as `outputs`
 * @throws RangeError where the blocks are not of one size
 */
export function blockLayerSpecs(
  name: string,
  blocks: number,
  inputs: number,
  outputs: number,
  norm: boolean,
  scale = 1,
): ParameterSpec[] {
  if (inputs % blocks !== 0 || outputs % blocks !== 0) {
    throw new RangeError(`${blocks} blocks of one size cannot have ${inputs} inputs and ${outputs} outputs`);
  }
  const [weight, bias] = linearSpecs(name, inputs, outputs, TRUNCATED_NORMAL_GAIN * scale) as [
    ParameterSpec,
    ParameterSpec,
  ];
  const shape = [blocks, inputs / blocks, outputs / blocks];
  return [{ ...weight, shape }, bias, ...normSpecs(name, outputs, norm)];
}

/** The scale of normalised outputs, ones, where they are normalised. */
export const normSpecs = (name: string, outputs: number, norm: boolean): ParameterSpec[] =>
  norm ? [{ name: `${name}.scale`, shape: [outputs], initialise: ones }] : [];

/** The parameters of one layer. */
export interface NormLayer {
  /** [members, inputs, outputs], or of a block-diagonal layer [members, blocks, inputs / blocks, outputs / blocks] */
  weight: tf.Tensor;
  /** [members, outputs] */
  bias: tf.Tensor;
  /** [members, outputs], or undefined where the outputs are not normalised */
  scale: tf.Tensor | undefined;
}

/** The layer called `name`. */
export const normLayer = (parameters: Parameters, name: string, norm: boolean): NormLayer => ({
  weight: parameters.get(`${name}.weight`),
  bias: parameters.get(`${name}.bias`),
  scale: norm ? parameters.get(`${name}.scale`) : undefined,
});

/**
 * Layers one after the other, each of which normalises by the root of the mean square (Zhang & Sennrich 2019):
 *
 *   x ← act(rms(x W + b) ⊙ scale)      rms(y) = y / √(mean(y²) + 10⁻⁴), the mean over all outputs, blocks or not
 *
 * A layer without scale does not: x ← act(x W + b).
 *
 * @param x [members, …, inputs]; of a block-diagonal layer one block after the other
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 * @returns [members, …, outputs]
 */
export function normDense(
  x: tf.Tensor,
  layers: readonly NormLayer[],
  activation: NormActivation,
  inputGradient = true,
): tf.Tensor {
  const y = layers.reduce(
    (rows, layer, i) => oneLayer(rows, layer, activation, inputGradient || i > 0),
    toRows(x),
  );
  return tf.reshape(y, [...x.shape.slice(0, -1), y.shape.at(-1)!]);
}

/**
 * y = x W + b with a block-diagonal W.
 *
 * @param x [members, …, inputs], one block after the other
 * @param weight [members, blocks, inputs / blocks, outputs / blocks]
 * @param bias [members, outputs]
 * @returns [members, …, outputs], likewise
 */
export function blockLinear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const y = oneLayer(toRows(x), { weight, bias, scale: undefined }, 'none', true);
  return tf.reshape(y, [...x.shape.slice(0, -1), y.shape.at(-1)!]);
}

/**
 * One layer of rows, [members, rows, inputs] -> [members, rows, outputs], by the engine's own kernel where there is one.
 * Without activation it has no scale, and x its gradient.
 */
function oneLayer(
  rows: tf.Tensor,
  layer: NormLayer,
  activation: NormActivation | 'none',
  inputGradient: boolean,
): tf.Tensor {
  const own = ownLayer(rows, layer, activation, inputGradient);
  if (own) return own;
  const { weight, bias, scale } = layer;
  if (activation === 'none') return affineLayer(rows, weight, bias);
  if (!scale) return plainLayer(rows, weight, bias, activation, inputGradient);
  return normalisedLayer(rows, weight, bias, scale, activation, inputGradient);
}

/** What engines' own kernels know activations by. */
const activationNumbers = { none: 0, silu: 1, elu: 2, tanh: 3, mish: 4 };

/**
 * The layer as one call of each of the engine's own two kernels; undefined where it has none.
 *
 * @param shift [members, outputs]: outputs are normalised by mean and variance, and shifted by this
 */
export function ownLayer(
  rows: tf.Tensor,
  { weight, bias, scale, shift }: NormLayer & { shift?: tf.Tensor },
  activation: keyof typeof activationNumbers,
  inputGradient: boolean,
): tf.Tensor | undefined {
  const forward = ownKernel('NormDense');
  const backward = ownKernel('NormDenseGradient');
  if (!forward || !backward) return undefined;
  const attributes = { activation: activationNumbers[activation] };
  const normalisers = { ...(scale && { scale }), ...(shift && { shift }) };
  const parameters = [weight, bias, ...Object.values(normalisers)];
  return withGradient(inputGradient ? [rows, ...parameters] : parameters, () => {
    const [value, ...kept] = forward({ x: rows, weight, bias, ...normalisers }, attributes);
    return {
      value: value!,
      keep: [rows, weight, ...Object.values(normalisers), ...kept],
      gradient: (dy, [x, weight, ...rest], wanted) => {
        const own = Object.fromEntries(Object.keys(normalisers).map((name) => [name, rest.shift()!]));
        const [sum, factor] = rest;
        const inputs = { dy, x, weight, ...own, ...(sum && { sum }), ...(factor && { factor }) };
        return ownGradients(backward, inputs, attributes, inputGradient, wanted);
      },
    };
  });
}

/** x W + b of rows. */
function affineLayer(rows: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return withGradient([rows, weight, bias], () => {
    const inputs = toBlocks(rows, weight);
    return {
      value: affineSum(inputs, weight, bias),
      keep: [inputs, weight],
      gradient: (dy, [inputs, weight]) => affineGradients(dy, inputs, weight, true),
    };
  });
}

/** act(x W + b) of rows. */
function plainLayer(
  rows: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  activation: NormActivation,
  inputGradient: boolean,
): tf.Tensor {
  return withGradient(inputGradient ? [rows, weight, bias] : [weight, bias], () => {
    const inputs = toBlocks(rows, weight);
    const sum = affineSum(inputs, weight, bias);
    return {
      value: activations[activation].value(sum),
      keep: [inputs, weight, sum],
      gradient: (dy, [inputs, weight, sum]) => {
        const dSum = tf.mul(dy, activations[activation].slope(sum));
        return affineGradients(dSum, inputs, weight, inputGradient);
      },
    };
  });
}

/**
 * What follows a layer's sum, where that is made by other means: act(rms(x) ⊙ scale), without scale act(x).
 *
 * @param x [members, …, outputs]
 * @param scale [members, outputs]
 */
export function normActivation(
  x: tf.Tensor,
  scale: tf.Tensor | undefined,
  activation: NormActivation,
): tf.Tensor {
  const rows = toRows(x);
  const y = scale ? normalisedRows(rows, scale, activation) : activatedRows(rows, activation);
  return tf.reshape(y, x.shape);
}

/** act(x) of rows. */
const activatedRows = (rows: tf.Tensor, activation: NormActivation): tf.Tensor =>
  withGradient([rows], () => ({
    value: activations[activation].value(rows),
    keep: [rows],
    gradient: (dy, [rows]) => [tf.mul(dy, activations[activation].slope(rows!))],
  }));

/** act(rms(x) ⊙ scale) of rows. */
const normalisedRows = (rows: tf.Tensor, scale: tf.Tensor, activation: NormActivation): tf.Tensor =>
  withGradient([rows, scale], () => {
    const { value, keep } = normalisation(rows, scale, activation);
    return { value, keep, gradient: (dy, kept) => normalisationGradients(dy, kept, activation) };
  });

/** act(rms(x) ⊙ scale) of rows, and what the gradient needs. */
function normalisation(
  sum: tf.Tensor,
  scale: tf.Tensor,
  activation: NormActivation,
): { value: tf.Tensor; keep: tf.Tensor[] } {
  const factor = tf.rsqrt(tf.add(tf.mean(tf.square(sum), -1, true), RMS_EPSILON));
  const normalised = tf.mul(sum, factor);
  const scaled = tf.mul(normalised, tf.expandDims(scale, 1));
  return { value: activations[activation].value(scaled), keep: [scale, factor, normalised, scaled] };
}

/** The gradients of x and scale. @param kept as `normalisation` gives it */
function normalisationGradients(
  dy: tf.Tensor,
  kept: readonly tf.Tensor[],
  activation: NormActivation,
): [dx: tf.Tensor, dScale: tf.Tensor] {
  const [scale, factor, normalised, scaled] = kept as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const dScaled = tf.mul(dy, activations[activation].slope(scaled));
  const dNormalised = tf.mul(dScaled, tf.expandDims(scale, 1));
  // y is divided by its own length: what changes nothing but that is taken out.
  const along = tf.mean(tf.mul(dNormalised, normalised), -1, true);
  const dSum = tf.mul(tf.sub(dNormalised, tf.mul(normalised, along)), factor);
  return [dSum, tf.sum(tf.mul(dScaled, normalised), 1)];
}

/** act(rms(x W + b) ⊙ scale) of rows. */
function normalisedLayer(
  rows: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  scale: tf.Tensor,
  activation: NormActivation,
  inputGradient: boolean,
): tf.Tensor {
  const operands = inputGradient ? [rows, weight, bias, scale] : [weight, bias, scale];
  return withGradient(operands, () => {
    const inputs = toBlocks(rows, weight);
    const sum = affineSum(inputs, weight, bias);
    const { value, keep } = normalisation(sum, scale, activation);
    return {
      value,
      keep: [inputs, weight, ...keep],
      gradient: (dy, [inputs, weight, ...kept]) => {
        const [dSum, dScale] = normalisationGradients(dy, kept, activation);
        return [...affineGradients(dSum, inputs, weight, inputGradient), dScale];
      },
    };
  });
}

/** Each activation and its derivative, both from what goes in. */
const activations: Record<NormActivation, Record<'value' | 'slope', (x: tf.Tensor) => tf.Tensor>> = {
  silu: {
    value: (x) => tf.mul(x, tf.sigmoid(x)),
    // d x σ(x) = σ(x) (1 + x (1 − σ(x)))
    slope: (x) => {
      const sigmoid = tf.sigmoid(x);
      return tf.mul(sigmoid, tf.add(tf.mul(x, tf.sub(1, sigmoid)), 1));
    },
  },
  elu: {
    value: (x) => tf.elu(x),
    // 1 above 0, eˣ below
    slope: (x) => tf.exp(tf.minimum(x, 0)),
  },
};

/** x W + b from the inputs as `toBlocks` gives them, as rows: [members, rows, outputs]. */
const affineSum = (inputs: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
  tf.add(fromBlocks(tf.matMul(inputs, weight)), tf.expandDims(bias, 1));

/** The gradients of x where asked for, W and b from that of x W + b. */
function affineGradients(
  dSum: tf.Tensor,
  inputs: tf.Tensor,
  weight: tf.Tensor,
  inputGradient: boolean,
): tf.Tensor[] {
  const dOutputs = toBlocks(dSum, weight);
  const dParameters = [tf.matMul(inputs, dOutputs, true), tf.sum(dSum, 1)];
  if (!inputGradient) return dParameters;
  return [fromBlocks(tf.matMul(dOutputs, weight, false, true)), ...dParameters];
}

/** [members, …, n] -> [members, rows, n] */
const toRows = (x: tf.Tensor): tf.Tensor => {
  const [members, n] = [x.shape[0]!, x.shape.at(-1)!];
  return tf.reshape(x, [members, x.size / (members * n), n]);
};

/** Rows as the weight multiplies them: as they are, or with blocks in front, [members, blocks, rows, n / blocks]. */
function toBlocks(rows: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  if (weight.rank === 3) return rows;
  const [members, count, n] = rows.shape as [number, number, number];
  const blocks = weight.shape[1]!;
  return tf.transpose(tf.reshape(rows, [members, count, blocks, n / blocks]), [0, 2, 1, 3]);
}

/** The inverse: [members, rows, n] */
function fromBlocks(y: tf.Tensor): tf.Tensor {
  if (y.rank === 3) return y;
  const [members, blocks, count, width] = y.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [members, count, blocks * width]);
}
