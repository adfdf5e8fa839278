import * as tf from '@tensorflow/tfjs-core';
import {
  cellsOf,
  convolution,
  convolutionSpecs,
  type ImageEncoder,
  type ImageShape,
  type Stage,
  stagesOf,
  transposedConvolution,
  transposedConvolutionSpecs,
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

/** Convolutions between images and layers, by name: `${name}`, or of several `${name}.0`, `${name}.1`, … */
export function namedStages(
  name: string,
  image: ImageShape,
  encoder: ImageEncoder,
): (Stage & { name: string })[] {
  const isOne = typeof encoder.channels === 'number';
  return stagesOf(image, encoder).map((stage, i) => ({ ...stage, name: isOne ? name : `${name}.${i}` }));
}

/**
 * The network of MinAtar (Young and Tian, 2019): a 3 × 3 convolution, `${name}.convolution`, then the hidden layers, all
 * with ReLU; or several convolutions with strides, `${name}.convolution.0` and so on. An image comes as it is kept, flat.
 */
export function imageTower(image: ImageShape, encoder: ImageEncoder, layers: HiddenLayers): Tower {
  const stages = (name: string) => namedStages(`${name}.convolution`, image, encoder);
  const encoded = cellsOf(stages('').at(-1)!.planes);
  const { scale, weights, biases } = layers;
  return {
    specs: (name, hidden, outputs, lastScale) => [
      ...stages(name).flatMap((stage) => convolutionSpecs(stage.name, stage, scale, weights, biases)),
      ...mlpSpecs(name, encoded, hidden, outputs, lastScale, layers),
    ],
    apply: (parameters, name, hiddenLayers, observation) => {
      const leading = observation.shape.slice(0, -1);
      const seen = stages(name).reduce(
        (x, { name, kernel }, i) => convolution(x, layer(parameters, name), kernel, 'relu', i > 0),
        tf.reshape(observation, [...leading, ...image]) as tf.Tensor,
      );
      return mlp(parameters, name, hiddenLayers, tf.reshape(seen, [...leading, encoded]));
    },
  };
}

/** Observations: vectors of a size or, with `image`, flat images. */
export interface Observed {
  observation: number;
  image?: ImageShape;
}

/** A tower with ReLU over either. @param encoder of images; vectors have none */
export const reluTower = ({ observation, image }: Observed, encoder?: ImageEncoder): Tower =>
  image ? imageTower(image, encoder!, forRelu) : vectorTower(observation, 'relu', forRelu);

/** The layers from what a network knows to the observation that it stands for: a tower's way back. */
export interface Decoder {
  specs(name: string, inputs: number, hidden: readonly number[]): ParameterSpec[];
  /** What stands for an observation: itself, or the logits of an image's cells: [members, …, inputs] -> [members, …, observation]. */
  apply(parameters: Parameters, name: string, hiddenLayers: number, x: tf.Tensor): tf.Tensor;
  /** The observations that such outputs stand for; the logistic function of an image's logits. */
  observation(output: tf.Tensor): tf.Tensor;
  /** Whether the outputs are logits. */
  givesLogits: boolean;
}

/**
 * The way back of `reluTower`: a multi-layer perceptron to vectors; to images, whose cells lie in [0, 1], one whose last
 * layer gives as many planes as the convolutions did, then a transposed convolution for each, `${name}.image`, or of several
 * `${name}.image.0` for the last one and so on, with ReLU between them; the logistic function makes cells of what they give.
 */
export function reluDecoder({ observation, image }: Observed, encoder?: ImageEncoder): Decoder {
  if (!image) {
    return {
      specs: (name, inputs, hidden) => mlpSpecs(name, inputs, hidden, observation),
      apply: (parameters, name, hiddenLayers, x) => mlp(parameters, name, hiddenLayers, x),
      observation: (output) => output,
      givesLogits: false,
    };
  }
  const stages = (name: string) => stagesBack(`${name}.image`, image, encoder!);
  const { planes } = stages('')[0]!;
  return {
    specs: (name, inputs, hidden) => [
      ...mlpSpecs(name, inputs, hidden, cellsOf(planes), forRelu.scale),
      ...stages(name).flatMap((stage, i, { length }) =>
        transposedConvolutionSpecs(stage.name, stage, i < length - 1 ? forRelu.scale : 1),
      ),
    ],
    apply: (parameters, name, hiddenLayers, x) => {
      const leading = x.shape.slice(0, -1);
      const first = tf.reshape(mlp(parameters, name, hiddenLayers, x), [...leading, ...planes]);
      const cells = stages(name).reduce<tf.Tensor>(
        (made, { name, kernel }) => transposedConvolution(tf.relu(made), layer(parameters, name), kernel),
        first,
      );
      return tf.reshape(cells, [...leading, observation]);
    },
    observation: (output) => tf.sigmoid(output),
    givesLogits: true,
  };
}

/** The transposed convolutions of `namedStages`, from the last planes back to the image. */
export function stagesBack(
  name: string,
  image: ImageShape,
  encoder: ImageEncoder,
): (Stage & { name: string })[] {
  const stages = namedStages(name, image, encoder);
  return stages.map(({ name }, i) => ({ ...stages.at(-1 - i)!, name }));
}
