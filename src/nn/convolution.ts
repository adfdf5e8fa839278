import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { stopGradient } from '../engine/stop-gradient.ts';
import { fanIn, type WeightInitialiser, zeros } from './initialisers.ts';
import { type Activation, affine, type Layer, linearSpecs } from './linear.ts';
import type { ParameterSpec } from './parameters.ts';

/** Rows and columns of a kernel. */
const KERNEL = 3;

export type ImageShape = readonly [rows: number, columns: number, channels: number];

/** Numbers of an image. */
export const cellsOf = ([rows, columns, channels]: ImageShape): number => rows * columns * channels;

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

/** The parameters of a layer that each cell of some planes is multiplied by, or made with. */
export const usedByCells = (specs: readonly ParameterSpec[], [rows, columns]: ImageShape): ParameterSpec[] =>
  specs.map((spec) => ({ ...spec, uses: rows * columns }));

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
  return affine(patches(x, inputGradient), weight, bias, activation, inputGradient);
}

/**
 * The two parameters of a transposed 3 × 3 convolution: its weight is a matrix [channels, 3 × 3 × outputs], row-major in
 * the kernel's row and column. A cell within is a sum over nine patches, which is what the initial weights count.
 */
export const transposedConvolutionSpecs = (
  name: string,
  channels: number,
  outputs: number,
  scale = 1,
): ParameterSpec[] => [
  {
    name: `${name}.weight`,
    shape: [channels, KERNEL * KERNEL * outputs],
    initialise: fanIn(KERNEL * KERNEL * channels, scale),
  },
  { name: `${name}.bias`, shape: [outputs], initialise: zeros },
];

/**
 * A transposed 3 × 3 convolution of stride 1, which gives each side of an image back the two that a convolution takes:
 * y[i + k, j + l] = Σ x[i, j] W[k, l] + b, over all (i, j) and (k, l) that meet there. Every cell makes a patch, which are
 * added up where they lie: the same sum as that of a convolution of the image with two more zeros on each side, of which
 * most products would be with zeros and every cell be copied nine times.
 *
 * @param x [members, …, rows, columns, channels]
 * @returns [members, …, rows + 2, columns + 2, outputs]
 */
export function transposedConvolution(x: tf.Tensor, { weight, bias }: Layer): tf.Tensor {
  const [members, channels] = [x.shape[0]!, x.shape.at(-1)!];
  const outputs = bias.shape.at(-1)!;
  const made = tf.matMul(tf.reshape(x, [members, -1, channels]), weight);
  const image = spread(tf.reshape(made, [...x.shape.slice(0, -1), KERNEL * KERNEL * outputs]));
  const cells = tf.reshape(image, [members, -1, outputs]);
  return tf.reshape(tf.add(cells, tf.expandDims(bias, 1)), image.shape);
}

/**
 * All patches of images: [members, …, rows, columns, channels] -> [members, …, rows − 2, columns − 2, 9 × channels].
 *
 * @param inputGradient false where x is data or a constant
 */
export function patches(x: tf.Tensor, inputGradient = true): tf.Tensor {
  const seen = () => overImages(x, (images) => neighbours(neighbours(images, 2), 1));
  return inputGradient ? seen() : stopGradient(seen);
}

/** The adjoint of `patches`, patches added up where they lie: [members, …, rows, columns, 9 × channels] -> [members, …, rows + 2, columns + 2, channels]. */
const spread = (x: tf.Tensor): tf.Tensor => overImages(x, (images) => overlaid(overlaid(images, 1), 2));

/** A function of images, [images, rows, columns, channels], of those of all members and batches. */
function overImages(x: tf.Tensor, f: (images: tf.Tensor) => tf.Tensor): tf.Tensor {
  const found = f(tf.reshape(x, [-1, ...(x.shape.slice(-3) as [number, number, number])]));
  return tf.reshape(found, [...x.shape.slice(0, -3), ...found.shape.slice(1)]);
}

/** An axis of images: rows or columns. */
type Axis = 1 | 2;

const offsets = [...new Array(KERNEL).keys()];

/** The channels of three cells in a row along an axis beside each other, for each but the last two. */
function gathered(images: tf.Tensor, axis: Axis): tf.Tensor {
  const extent = images.shape[axis]! - KERNEL + 1;
  const slice = (offset: number) =>
    tf.slice(images, [0, 0, 0, 0].with(axis, offset), [-1, -1, -1, -1].with(axis, extent));
  return tf.concat(offsets.map(slice), 3);
}

/** The adjoint: the three parts of each cell's channels added to three cells in a row along an axis. */
function scattered(images: tf.Tensor, axis: Axis): tf.Tensor {
  const put = (part: tf.Tensor, offset: number) =>
    tf.pad(part, new Array<[number, number]>(4).fill([0, 0]).with(axis, [offset, KERNEL - 1 - offset]));
  return tf.addN(tf.split(images, KERNEL, 3).map(put));
}

/** `gathered`, and `scattered`, each with the other as its gradient. */
const neighbours = (images: tf.Tensor, axis: Axis): tf.Tensor =>
  withGradient([images], () => ({
    value: gathered(images, axis),
    keep: [],
    gradient: (dy) => [scattered(dy, axis)],
  }));
const overlaid = (images: tf.Tensor, axis: Axis): tf.Tensor =>
  withGradient([images], () => ({
    value: scattered(images, axis),
    keep: [],
    gradient: (dy) => [gathered(dy, axis)],
  }));
