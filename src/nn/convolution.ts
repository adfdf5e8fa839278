import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { stopGradient } from '../engine/stop-gradient.ts';
import { fanIn, type WeightInitialiser } from './initialisers.ts';
import { type Activation, affine, type Layer, linearSpecs } from './linear.ts';
import type { ParameterSpec } from './parameters.ts';

/** Rows and columns of a kernel. */
const KERNEL = 3;

export type ImageShape = readonly [rows: number, columns: number, channels: number];

/**
 * The two parameters of a 3 × 3 convolution: its weight is a matrix [3 × 3 × channels, outputs], row-major in the
 * kernel's row and column. `scale` multiplies the initial weights.
 */
export const convolutionSpecs = (
  name: string,
  channels: number,
  outputs: number,
  scale = 1,
  weights: WeightInitialiser = fanIn,
  biases?: WeightInitialiser,
): ParameterSpec[] => linearSpecs(name, KERNEL * KERNEL * channels, outputs, scale, weights, biases);

/** What an image becomes: no padding, so that each side loses two. */
export const convolvedShape = ([rows, columns]: ImageShape, outputs: number): ImageShape => [
  rows - KERNEL + 1,
  columns - KERNEL + 1,
  outputs,
];

/**
 * A 3 × 3 convolution of stride 1 without padding: y[i, j] = act(Σ_{k, l} x[i + k, j + l] W[k, l] + b), as one product
 * of all the image's patches with the weight, so that members are batched like those of any layer.
 *
 * @param x [members, …, rows, columns, channels]
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 * @returns [members, …, rows − 2, columns − 2, outputs]
 */
export function convolution(
  x: tf.Tensor,
  { weight, bias }: Layer,
  activation: Activation | 'none' = 'none',
  inputGradient = true,
): tf.Tensor {
  const seen = inputGradient ? patches(x) : stopGradient(() => patches(x));
  return affine(seen, weight, bias, activation, inputGradient);
}

/** All patches of images: [members, …, rows, columns, channels] -> [members, …, rows − 2, columns − 2, 9 × channels]. */
function patches(x: tf.Tensor): tf.Tensor {
  const image = x.shape.slice(-3) as [number, number, number];
  const found = neighbours(neighbours(tf.reshape(x, [-1, ...image]), 2), 1);
  return tf.reshape(found, [...x.shape.slice(0, -3), ...found.shape.slice(1)]);
}

/** The channels of three cells in a row along an axis beside each other, for each but the last two. */
function neighbours(images: tf.Tensor, axis: 1 | 2): tf.Tensor {
  const extent = images.shape[axis]! - KERNEL + 1;
  const offsets = [...new Array(KERNEL).keys()];
  const slice = (offset: number) =>
    tf.slice(images, [0, 0, 0, 0].with(axis, offset), [-1, -1, -1, -1].with(axis, extent));
  const put = (part: tf.Tensor, offset: number) =>
    tf.pad(part, new Array<[number, number]>(4).fill([0, 0]).with(axis, [offset, KERNEL - 1 - offset]));
  return withGradient([images], () => ({
    value: tf.concat(offsets.map(slice), 3),
    keep: [],
    gradient: (dy) => [tf.addN(tf.split(dy, KERNEL, 3).map(put))],
  }));
}
