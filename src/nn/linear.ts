import * as tf from '@tensorflow/tfjs';
import { fanIn, zeros } from './initialisers.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

export type Activation = 'none' | 'relu';

/** The two parameters of a linear layer; `scale` multiplies the fan-in initialisation. */
export function linearSpecs(name: string, inputs: number, outputs: number, scale = 1): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [inputs, outputs], initialise: fanIn(inputs, scale) },
    { name: `${name}.bias`, shape: [outputs], initialise: zeros },
  ];
}

/**
 * y = act(x W + b), with its own gradient: one product per operand, no broadcast sums.
 *
 * @param x [members, …, inputs]
 * @param weight [members, inputs, outputs]
 * @param bias [members, outputs]
 * @returns [members, …, outputs]
 */
export function affine(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  activation: Activation = 'none',
): tf.Tensor {
  const members = x.shape[0]!;
  const inputs = x.shape.at(-1)!;
  const outputs = weight.shape.at(-1)!;
  const rows = x.size / (members * inputs);
  const operation = tf.customGrad((...operands: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [x, weight, bias, save] = operands as [tf.Tensor3D, tf.Tensor3D, tf.Tensor2D, tf.GradSaveFunc];
    const sum = tf.add(tf.matMul(x, weight), tf.expandDims(bias, 1));
    const value = activation === 'relu' ? tf.relu(sum) : sum;
    save([x, weight, value]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [x, weight, value] = saved as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
      const dSum = (activation === 'relu' ? tf.mul(dy, tf.step(value)) : dy) as tf.Tensor3D;
      return [tf.matMul(dSum, weight, false, true), tf.matMul(x, dSum, true), tf.sum(dSum, 1)];
    };
    return { value, gradFunc };
  });
  const y = operation(tf.reshape(x, [members, rows, inputs]), weight, bias);
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
}

/** The linear layer called `name`: x W + b, `[members, …, inputs]` -> `[members, …, outputs]`. */
export function linear(
  parameters: Parameters,
  name: string,
  x: tf.Tensor,
  activation: Activation = 'none',
): tf.Tensor {
  return affine(x, parameters.get(`${name}.weight`), parameters.get(`${name}.bias`), activation);
}
