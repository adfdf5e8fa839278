import type * as tf from '@tensorflow/tfjs-core';
import { fanIn, uniformFanIn, type WeightInitialiser } from './initialisers.ts';
import { type Activation, dense, type Layer, layer, linearSpecs } from './linear.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** Gain of the fan-in initialisation before a ReLU, which halves the variance: about √2. */
const RELU_GAIN = 1.4;

/** How the hidden layers' initial weights are drawn; the last one's are drawn alike, with a scale of their own. */
export interface HiddenLayers {
  weights: WeightInitialiser;
  scale: number;
  /** Of every layer, the last one too; default: 0. */
  biases?: WeightInitialiser;
}

/** As suits layers before a ReLU: fan-in weights, biases of 0. */
export const forRelu: HiddenLayers = { weights: fanIn, scale: RELU_GAIN };
/** As PyTorch draws every layer, which settings that were found with PyTorch suppose. */
export const asPyTorch: HiddenLayers = { weights: uniformFanIn, scale: 1, biases: uniformFanIn };

/** Layers `${name}.0`, `${name}.1`, …: hidden ones with an activation, the last one linear with its own initial scale. */
export function mlpSpecs(
  name: string,
  inputs: number,
  hidden: readonly number[],
  outputs: number,
  lastScale = 1,
  { weights, scale, biases }: HiddenLayers = forRelu,
): ParameterSpec[] {
  const widths = [inputs, ...hidden];
  return [
    ...hidden.flatMap((width, i) => linearSpecs(`${name}.${i}`, widths[i]!, width, scale, weights, biases)),
    ...linearSpecs(`${name}.${hidden.length}`, widths.at(-1)!, outputs, lastScale, weights, biases),
  ];
}

/**
 * The multi-layer perceptron called `name` with `hiddenLayers` hidden layers: [members, …, inputs] -> [members, …, outputs].
 *
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 */
export function mlp(
  parameters: Parameters,
  name: string,
  hiddenLayers: number,
  x: tf.Tensor,
  inputGradient = true,
  activation: Activation = 'relu',
): tf.Tensor {
  return dense(x, mlpLayers(parameters, name, hiddenLayers), inputGradient, activation);
}

/** The layers of the MLP called `name`, the first one first. */
export const mlpLayers = (parameters: Parameters, name: string, hiddenLayers: number): Layer[] =>
  Array.from({ length: hiddenLayers + 1 }, (_, i) => layer(parameters, `${name}.${i}`));
