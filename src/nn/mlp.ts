import type * as tf from '@tensorflow/tfjs';
import { dense, layer, linearSpecs } from './linear.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** Gain of the fan-in initialisation before a ReLU, which halves the variance: about √2. */
const RELU_GAIN = 1.4;

/** Layers `${name}.0`, `${name}.1`, …: hidden ones with ReLU, the last one linear with its own initial scale. */
export function mlpSpecs(
  name: string,
  inputs: number,
  hidden: readonly number[],
  outputs: number,
  lastScale = 1,
): ParameterSpec[] {
  const widths = [inputs, ...hidden];
  return [
    ...hidden.flatMap((width, i) => linearSpecs(`${name}.${i}`, widths[i]!, width, RELU_GAIN)),
    ...linearSpecs(`${name}.${hidden.length}`, widths.at(-1)!, outputs, lastScale),
  ];
}

/**
 * The multi-layer perceptron called `name` with `hiddenLayers` ReLU layers: [members, …, inputs] -> [members, …, outputs].
 *
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 */
export function mlp(
  parameters: Parameters,
  name: string,
  hiddenLayers: number,
  x: tf.Tensor,
  inputGradient = true,
): tf.Tensor {
  const layers = Array.from({ length: hiddenLayers + 1 }, (_, i) => layer(parameters, `${name}.${i}`));
  return dense(x, layers, inputGradient);
}
