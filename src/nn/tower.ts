import * as tf from '@tensorflow/tfjs-core';
import { convolution, convolutionSpecs, convolvedShape, type ImageShape } from './convolution.ts';
import { type Activation, layer } from './linear.ts';
import { type HiddenLayers, mlp, mlpSpecs } from './mlp.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';

/** The layers from an observation to what a network gives, for networks of several names. */
export interface Tower {
  /** @param lastScale multiplies the initial weights of the last layer */
  specs(name: string, hidden: readonly number[], outputs: number, lastScale: number): ParameterSpec[];
  /** [members, …, observation] -> [members, …, outputs]; an observation is data, it has no gradient. */
  apply(parameters: Parameters, name: string, hiddenLayers: number, observation: tf.Tensor): tf.Tensor;
}

/** A multi-layer perceptron over vectors of a size. */
export const vectorTower = (size: number, activation: Activation, layers: HiddenLayers): Tower => ({
  specs: (name, hidden, outputs, lastScale) => mlpSpecs(name, size, hidden, outputs, lastScale, layers),
  apply: (parameters, name, hiddenLayers, observation) =>
    mlp(parameters, name, hiddenLayers, observation, false, activation),
});

/**
 * The network of MinAtar (Young and Tian, 2019): a 3 × 3 convolution, `${name}.convolution`, then the hidden layers, all
 * with ReLU. An image comes as it is kept, flat.
 *
 * @param channels that the convolution gives
 */
export function imageTower(image: ImageShape, channels: number, layers: HiddenLayers): Tower {
  const [rows, columns] = convolvedShape(image, channels);
  const encoded = rows * columns * channels;
  const { scale, weights, biases } = layers;
  return {
    specs: (name, hidden, outputs, lastScale) => [
      ...convolutionSpecs(`${name}.convolution`, image[2], channels, scale, weights, biases),
      ...mlpSpecs(name, encoded, hidden, outputs, lastScale, layers),
    ],
    apply: (parameters, name, hiddenLayers, observation) => {
      const leading = observation.shape.slice(0, -1);
      const images = tf.reshape(observation, [...leading, ...image]);
      const seen = convolution(images, layer(parameters, `${name}.convolution`), 'relu', false);
      return mlp(parameters, name, hiddenLayers, tf.reshape(seen, [...leading, encoded]));
    },
  };
}
