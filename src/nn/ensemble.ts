import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { type Activation, dense, type Layer } from './linear.ts';
import { mlpLayers } from './mlp.ts';
import { type ParameterSpec, Parameters } from './parameters.ts';

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
 * The same parameters as those of members · heads members, for networks that know no heads: [members, heads, …] ->
 * [members · heads, …].
 *
 * @param specs from `ensembleSpecs`
 */
export const foldHeads = (parameters: Parameters, specs: readonly ParameterSpec[]): Parameters =>
  new Parameters(new Map(specs.map(({ name }) => [name, fold(parameters.get(name))])));

/** [members, heads, …] -> [members · heads, …]. */
const fold = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);

/**
 * The MLPs called `name`, each on an input of its own: [members, heads, …, inputs] -> [members, heads, …, outputs].
 *
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 */
export const ensembleMlp = (
  parameters: Parameters,
  name: string,
  hiddenLayers: number,
  x: tf.Tensor,
  inputGradient = true,
  activation: Activation = 'relu',
): tf.Tensor =>
  overHeads(mlpLayers(parameters, name, hiddenLayers), x, (rows, layers) =>
    dense(rows, layers, inputGradient, activation),
  );

/**
 * What networks make of an input of its own each. To the engine a head is one more member, so that all are computed at once.
 *
 * @param layers of all heads: weight [members, heads, inputs, outputs] and bias [members, heads, outputs]
 * @param x [members, heads, …, inputs]
 * @param network of members with the layers of one network each: [members · heads, …, inputs] -> [members · heads, …, outputs]
 * @returns [members, heads, …, outputs]
 */
export function overHeads(
  layers: readonly Layer[],
  x: tf.Tensor,
  network: (x: tf.Tensor, layers: readonly Layer[]) => tf.Tensor,
): tf.Tensor {
  const [members, heads, ...inner] = x.shape as [number, number, ...number[]];
  const folded = layers.map(({ weight, bias }) => ({ weight: fold(weight), bias: fold(bias) }));
  const y = network(fold(x), folded);
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
