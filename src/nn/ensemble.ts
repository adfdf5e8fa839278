import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { type Activation, dense } from './linear.ts';
import { mlpLayers } from './mlp.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/**
 * Networks of one shape side by side, each with weights of its own, such as twin critics: every parameter has an axis of
 * heads after that of the members, [members, heads, …], and each head's is drawn as if it stood alone.
 *
 * @param specs of one of them
 */
export const ensembleSpecs = (heads: number, specs: readonly ParameterSpec[]): ParameterSpec[] =>
  specs.map(({ name, shape, initialise }) => ({
    name,
    shape: [heads, ...shape],
    initialise: (random, out) => {
      const size = out.length / heads;
      for (let at = 0; at < out.length; at += size) initialise(random, out.subarray(at, at + size));
    },
  }));

/**
 * The MLPs called `name`, each on an input of its own: [members, heads, …, inputs] -> [members, heads, …, outputs]. To the
 * engine a head is one more member, so that all are computed at once.
 *
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 */
export function ensembleMlp(
  parameters: Parameters,
  name: string,
  hiddenLayers: number,
  x: tf.Tensor,
  inputGradient = true,
  activation: Activation = 'relu',
): tf.Tensor {
  const [members, heads, ...inner] = x.shape as [number, number, ...number[]];
  const fold = (y: tf.Tensor) => tf.reshape(y, [members * heads, ...y.shape.slice(2)]);
  const layers = mlpLayers(parameters, name, hiddenLayers).map(({ weight, bias }) => ({
    weight: fold(weight),
    bias: fold(bias),
  }));
  const y = dense(fold(x), layers, inputGradient, activation);
  return tf.reshape(y, [members, heads, ...inner.slice(0, -1), y.shape.at(-1)!]);
}

/** The same x for every head, [members, …] -> [members, heads, …]; its gradient is the sum over the heads. */
export function toHeads(x: tf.Tensor, heads: number): tf.Tensor {
  return withGradient([x], () => ({
    value: tf.tile(tf.expandDims(x, 1), [1, heads, ...x.shape.slice(1).map(() => 1)]),
    keep: [],
    gradient: (dy) => [tf.sum(dy, 1)],
  }));
}

/**
 * The least over the heads, [members, heads, …] -> [members, …], with the gradient of the head that has it (of all that
 * have it, where several do).
 */
export function leastOfHeads(x: tf.Tensor): tf.Tensor {
  return withGradient([x], () => {
    const value = tf.min(x, 1);
    const least = tf.cast(tf.equal(x, tf.expandDims(value, 1)), 'float32');
    return {
      value,
      keep: [least],
      gradient: (dy, [least]) => [tf.mul(tf.expandDims(dy, 1), least)],
    };
  });
}
