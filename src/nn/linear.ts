import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownGradients, ownKernel } from '../engine/own-kernel.ts';
import { fanIn, type WeightInitialiser, zeros } from './initialisers.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** What follows a hidden layer. */
export type Activation = 'relu' | 'tanh';

/** The two parameters of a linear layer; `scale` multiplies the initial weights. */
export function linearSpecs(
  name: string,
  inputs: number,
  outputs: number,
  scale = 1,
  weights: WeightInitialiser = fanIn,
  biases: WeightInitialiser = () => zeros,
): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [inputs, outputs], initialise: weights(inputs, scale) },
    { name: `${name}.bias`, shape: [outputs], initialise: biases(inputs, scale) },
  ];
}

/** Weight [members, inputs, outputs] and bias [members, outputs] of a linear layer. */
export interface Layer {
  weight: tf.Tensor;
  bias: tf.Tensor;
}

/**
 * Layers one after the other, all but the last with the activation: x ← act(x W + b), …, y = x W + b.
 *
 * @param x [members, …, inputs]
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 * @returns [members, …, outputs]
 */
export function dense(
  x: tf.Tensor,
  layers: readonly Layer[],
  inputGradient = true,
  activation: Activation = 'relu',
): tf.Tensor {
  const name = activation === 'relu' ? 'Mlp' : 'TanhMlp';
  const forward = ownKernel(name);
  const backward = ownKernel(`${name}Gradient`);
  if (!forward || !backward) {
    return layers.reduce((input, { weight, bias }, i) => {
      const here = i < layers.length - 1 ? activation : 'none';
      return affine(input, weight, bias, here, inputGradient || i > 0);
    }, x);
  }
  const weights = layers.map(({ weight }) => weight);
  const parameters = layers.flatMap(({ weight, bias }) => [weight, bias]);
  return withGradient(inputGradient ? [x, ...parameters] : parameters, () => {
    const [y, ...hidden] = forward({ x, ...numberedLayers(layers) });
    return {
      value: y!,
      keep: [x, ...weights, ...hidden],
      gradient: (dy, [x, ...rest], wanted) => {
        const weights = numbered('weight', rest.slice(0, layers.length));
        const hidden = numbered('hidden', rest.slice(layers.length));
        return ownGradients(backward, { dy, x, ...weights, ...hidden }, {}, inputGradient, wanted);
      },
    };
  });
}

const numbered = (name: string, tensors: readonly tf.Tensor[]) =>
  Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));

/** Layers as an engine's own kernel takes them: weight0, bias0, weight1, … */
export const numberedLayers = (layers: readonly Layer[]): Record<string, tf.Tensor> => ({
  ...numbered(
    'weight',
    layers.map(({ weight }) => weight),
  ),
  ...numbered(
    'bias',
    layers.map(({ bias }) => bias),
  ),
});

/**
 * y = act(x W + b) in tfjs's operations, with its own gradient: one product per operand, no broadcast sums.
 *
 * @param x [members, …, inputs]
 * @param weight [members, inputs, outputs]
 * @param bias [members, outputs]
 * @param inputGradient false where x is a constant
 * @returns [members, …, outputs]
 */
export function affine(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  activation: Activation | 'none' = 'none',
  inputGradient = true,
): tf.Tensor {
  const members = x.shape[0]!;
  const inputs = x.shape.at(-1)!;
  const outputs = weight.shape.at(-1)!;
  const rows = tf.reshape(x, [members, x.size / (members * inputs), inputs]);
  const y = withGradient(inputGradient ? [rows, weight, bias] : [weight, bias], () => {
    const sum = tf.add(tf.matMul(rows, weight), tf.expandDims(bias, 1));
    const value = activation === 'relu' ? tf.relu(sum) : activation === 'tanh' ? tf.tanh(sum) : sum;
    return {
      value,
      keep: [rows, weight, value],
      gradient: (dy, [x, weight, value]) => {
        const dSum = activationGradient(activation, value, dy);
        const dParameters = [tf.matMul(x, dSum, true), tf.sum(dSum, 1)];
        return inputGradient ? [tf.matMul(dSum, weight, false, true), ...dParameters] : dParameters;
      },
    };
  });
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
}

/**
 * y = x W, a layer without a bias.
 *
 * @param x [members, …, inputs]
 * @param weight [members, inputs, outputs]
 * @returns [members, …, outputs]; differentiable by both
 */
export function product(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  const [members, inputs] = [x.shape[0]!, x.shape.at(-1)!];
  const rows = tf.reshape(x, [members, x.size / (members * inputs), inputs]);
  const y = withGradient([rows, weight], () => ({
    value: tf.matMul(rows, weight),
    keep: [rows, weight],
    gradient: (dy, [rows, weight]) => [tf.matMul(dy, weight, false, true), tf.matMul(rows, dy, true)],
  }));
  return tf.reshape(y, [...x.shape.slice(0, -1), weight.shape.at(-1)!]);
}

/** The gradient of the sum, from the activation's value and the gradient of that: d tanh(x) = 1 − tanh²(x). */
function activationGradient(activation: Activation | 'none', value: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  if (activation === 'none') return dy;
  return tf.mul(dy, activation === 'relu' ? tf.step(value) : tf.sub(1, tf.square(value)));
}

/** The parameters of the layer called `name`. */
export const layer = (parameters: Parameters, name: string): Layer => ({
  weight: parameters.get(`${name}.weight`),
  bias: parameters.get(`${name}.bias`),
});

/** The linear layer called `name`: x W + b, `[members, …, inputs]` -> `[members, …, outputs]`. */
export function linear(parameters: Parameters, name: string, x: tf.Tensor): tf.Tensor {
  return dense(x, [layer(parameters, name)]);
}
