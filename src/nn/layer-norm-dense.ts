import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ones, type WeightInitialiser, zeros } from './initialisers.ts';
import { linearSpecs } from './linear.ts';
import { ownLayer } from './norm-dense.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** What follows the normalisation. */
export type LayerNormActivation = 'mish' | 'tanh' | 'none';

/** What is added to the variance before its root. */
const EPSILON = 1e-5;

/** The parameters of the layer called `name`: those of a linear one, gains of ones and shifts of zeros. */
export const layerNormSpecs = (
  name: string,
  inputs: number,
  outputs: number,
  weights: WeightInitialiser,
  scale = 1,
): ParameterSpec[] => [
  ...linearSpecs(name, inputs, outputs, scale, weights),
  { name: `${name}.gain`, shape: [outputs], initialise: ones },
  { name: `${name}.shift`, shape: [outputs], initialise: zeros },
];

/**
 * The layer called `name`, normalised over its outputs (Ba, Kiros & Hinton 2016):
 *
 *   y = act(norm(x W + b) ⊙ gain + shift)      norm(s) = (s − mean(s)) / √(variance(s) + 10⁻⁵)
 *
 * TD-MPC2 calls it NormedLinear where act is Mish.
 *
 * @param x [members, …, inputs]
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 * @returns [members, …, outputs]
 */
export function layerNormDense(
  parameters: Parameters,
  name: string,
  x: tf.Tensor,
  activation: LayerNormActivation,
  inputGradient = true,
): tf.Tensor {
  const [members, inputs] = [x.shape[0]!, x.shape.at(-1)!];
  const rows = tf.reshape(x, [members, x.size / (members * inputs), inputs]);
  const [weight, bias, gain, shift] = ['weight', 'bias', 'gain', 'shift'].map((part) =>
    parameters.get(`${name}.${part}`),
  ) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const y =
    ownLayer(rows, { weight, bias, scale: gain, shift }, activation, inputGradient) ??
    portableLayer(rows, [weight, bias, gain, shift], activation, inputGradient);
  return tf.reshape(y, [...x.shape.slice(0, -1), weight.shape.at(-1)!]);
}

/** The layer of rows, [members, rows, inputs] -> [members, rows, outputs], in tfjs's operations. */
function portableLayer(
  rows: tf.Tensor,
  parameters: readonly [weight: tf.Tensor, bias: tf.Tensor, gain: tf.Tensor, shift: tf.Tensor],
  activation: LayerNormActivation,
  inputGradient: boolean,
): tf.Tensor {
  const [weight, bias, gain, shift] = parameters;
  return withGradient(inputGradient ? [rows, ...parameters] : parameters, () => {
    const sum = tf.add(tf.matMul(rows, weight), tf.expandDims(bias, 1));
    const deviation = tf.sub(sum, tf.mean(sum, -1, true));
    const factor = tf.rsqrt(tf.add(tf.mean(tf.square(deviation), -1, true), EPSILON));
    const normalised = tf.mul(deviation, factor);
    const scaled = tf.add(tf.mul(normalised, tf.expandDims(gain, 1)), tf.expandDims(shift, 1));
    return {
      value: activations[activation].value(scaled),
      keep: [rows, weight, gain, factor, normalised, scaled],
      gradient: (dy, [x, weight, gain, factor, normalised, scaled]) => {
        const dScaled = tf.mul(dy, activations[activation].slope(scaled));
        const dNormalised = tf.mul(dScaled, tf.expandDims(gain, 1));
        // Neither a shift of the sum nor its length shows in what is normalised.
        const along = tf.mul(normalised, tf.mean(tf.mul(dNormalised, normalised), -1, true));
        const across = tf.sub(dNormalised, tf.mean(dNormalised, -1, true));
        const dSum = tf.mul(tf.sub(across, along), factor);
        const dParameters = [
          tf.matMul(x, dSum, true),
          tf.sum(dSum, 1),
          tf.sum(tf.mul(dScaled, normalised), 1),
          tf.sum(dScaled, 1),
        ];
        return inputGradient ? [tf.matMul(dSum, weight, false, true), ...dParameters] : dParameters;
      },
    };
  });
}

/** Beyond it Mish is x itself in float32, and the exponential's square would overflow. */
const MISH_LINEAR = 20;

/** tanh(softplus(x)) = w / (w + 2) with w = eˣ (eˣ + 2). */
function tanhSoftplus(x: tf.Tensor): tf.Tensor {
  const power = tf.exp(tf.minimum(x, MISH_LINEAR));
  const w = tf.mul(power, tf.add(power, 2));
  return tf.div(w, tf.add(w, 2));
}

/** Each activation and its derivative, both from what goes in. */
const activations: Record<LayerNormActivation, Record<'value' | 'slope', (x: tf.Tensor) => tf.Tensor>> = {
  // x tanh(softplus(x)) (Misra 2019)
  mish: {
    value: (x) => tf.mul(x, tanhSoftplus(x)),
    // t + x (1 − t²) σ(x)
    slope: (x) => {
      const t = tanhSoftplus(x);
      return tf.add(t, tf.mul(tf.mul(x, tf.sub(1, tf.square(t))), tf.sigmoid(x)));
    },
  },
  tanh: { value: (x) => tf.tanh(x), slope: (x) => tf.sub(1, tf.square(tf.tanh(x))) },
  none: { value: (x) => tf.clone(x), slope: (x) => tf.onesLike(x) },
};
