import * as tf from '@tensorflow/tfjs-core';
import {
  cellsOf,
  convolution,
  convolutionSpecs,
  convolvedShape,
  type ImageShape,
  transposedConvolution,
  transposedConvolutionSpecs,
  usedByCells,
} from './convolution.ts';
import { type Activation, layer } from './linear.ts';
import { forRelu, type HiddenLayers, mlp, mlpSpecs } from './mlp.ts';
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
  const planes = convolvedShape(image, channels);
  const encoded = cellsOf(planes);
  const { scale, weights, biases } = layers;
  return {
    specs: (name, hidden, outputs, lastScale) => [
      ...usedByCells(
        convolutionSpecs(`${name}.convolution`, image[2], channels, scale, weights, biases),
        planes,
      ),
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

/** Observations: vectors of a size or, with `image`, flat images. */
export interface Observed {
  observation: number;
  image?: ImageShape;
}

/** A tower with ReLU over either. @param channels that the convolution gives; vectors have none */
export const reluTower = ({ observation, image }: Observed, channels?: number): Tower =>
  image ? imageTower(image, channels!, forRelu) : vectorTower(observation, 'relu', forRelu);

/** The layers from what a network knows to the observation that it stands for: a tower's way back. */
export interface Decoder {
  specs(name: string, inputs: number, hidden: readonly number[]): ParameterSpec[];
  /** [members, …, inputs] -> [members, …, observation] */
  apply(parameters: Parameters, name: string, hiddenLayers: number, x: tf.Tensor): tf.Tensor;
}

/**
 * The way back of `reluTower`: a multi-layer perceptron to vectors; to images, whose cells lie in [0, 1], one whose last
 * layer gives as many planes as the convolution did, then a transposed convolution, `${name}.image`, and the logistic
 * function.
 */
export function reluDecoder({ observation, image }: Observed, channels?: number): Decoder {
  if (!image) {
    return {
      specs: (name, inputs, hidden) => mlpSpecs(name, inputs, hidden, observation),
      apply: (parameters, name, hiddenLayers, x) => mlp(parameters, name, hiddenLayers, x),
    };
  }
  const planes = convolvedShape(image, channels!);
  const size = cellsOf(planes);
  return {
    specs: (name, inputs, hidden) => [
      ...mlpSpecs(name, inputs, hidden, size, forRelu.scale),
      ...usedByCells(transposedConvolutionSpecs(`${name}.image`, planes[2], image[2]), planes),
    ],
    apply: (parameters, name, hiddenLayers, x) => {
      const leading = x.shape.slice(0, -1);
      const seen = tf.relu(mlp(parameters, name, hiddenLayers, x));
      const cells = transposedConvolution(
        tf.reshape(seen, [...leading, ...planes]),
        layer(parameters, `${name}.image`),
      );
      return tf.reshape(tf.sigmoid(cells), [...leading, observation]);
    },
  };
}
