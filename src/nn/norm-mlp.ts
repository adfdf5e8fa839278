import type * as tf from '@tensorflow/tfjs-core';
import { fanIn } from './initialisers.ts';
import { linear, linearSpecs } from './linear.ts';
import {
  type NormActivation,
  normDense,
  normLayer,
  normLayerSpecs,
  TRUNCATED_NORMAL_GAIN,
} from './norm-dense.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** How hidden layers are made. */
export interface LayerStyle {
  /** Whether RMS normalisation stands before the activation. */
  norm: boolean;
  activation: NormActivation;
}

/** Hidden layers of equal width. */
export interface Hidden {
  layers: number;
  units: number;
}

/** Layers `${name}.0`, `${name}.1`, … and the linear one, `${name}.out`, with an initial scale of its own. */
export function normMlpSpecs(
  name: string,
  inputs: number,
  { layers, units }: Hidden,
  outputs: number,
  { norm }: LayerStyle,
  outScale = 1,
): ParameterSpec[] {
  return [
    ...hiddenSpecs(name, inputs, { layers, units }, norm),
    ...outSpecs(name, layers > 0 ? units : inputs, outputs, outScale),
  ];
}

/** Hidden layers alone. */
export const hiddenSpecs = (
  name: string,
  inputs: number,
  { layers, units }: Hidden,
  norm: boolean,
): ParameterSpec[] =>
  Array.from({ length: layers }, (_, i) =>
    normLayerSpecs(`${name}.${i}`, i === 0 ? inputs : units, units, norm),
  ).flat();

/** The linear layer at the end of `name`. */
export const outSpecs = (name: string, inputs: number, outputs: number, scale = 1): ParameterSpec[] =>
  linearSpecs(`${name}.out`, inputs, outputs, TRUNCATED_NORMAL_GAIN * scale, fanIn);

/**
 * The network called `name`: [members, …, inputs] -> [members, …, outputs].
 *
 * @param inputGradient false where x is data or a constant
 */
export function normMlp(
  parameters: Parameters,
  name: string,
  layers: number,
  x: tf.Tensor,
  style: LayerStyle,
  inputGradient = true,
): tf.Tensor {
  return linear(parameters, `${name}.out`, hiddenLayers(parameters, name, layers, x, style, inputGradient));
}

/** What its hidden layers make of x: [members, …, inputs] -> [members, …, units]. */
export function hiddenLayers(
  parameters: Parameters,
  name: string,
  layers: number,
  x: tf.Tensor,
  { norm, activation }: LayerStyle,
  inputGradient = true,
): tf.Tensor {
  const each = Array.from({ length: layers }, (_, i) => normLayer(parameters, `${name}.${i}`, norm));
  return normDense(x, each, activation, inputGradient);
}
