import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';
import { stopGradient } from '../engine/stop-gradient.ts';
import { fanIn, type WeightInitialiser, zeros } from './initialisers.ts';
import { type Activation, affine, type Layer, linearSpecs } from './linear.ts';
import type { ParameterSpec } from './parameters.ts';

export type ImageShape = readonly [rows: number, columns: number, channels: number];

/** Numbers of an image. */
export const cellsOf = ([rows, columns, channels]: ImageShape): number => rows * columns * channels;

/** How a kernel goes over an image. Its size is a multiple of its stride. */
export interface Kernel {
  /** Rows and columns. */
  readonly size: number;
  /** Cells from one patch to the next, down and across. */
  readonly stride: number;
  /** Rows and columns of zeros around the image. */
  readonly padding: number;
}

/** At every cell, within the image: each of its sides loses two. */
export const THREE_BY_THREE: Kernel = { size: 3, stride: 1, padding: 0 };
/** At every so many cells, an even number, twice as large, so that each side is divided by that: 4 × 4 halves it. */
export const dividing = (stride: number): Kernel => ({ size: 2 * stride, stride, padding: stride / 2 });

/** A convolution from an image to planes, and the transposed one from those back to the image. */
export interface Stage {
  readonly kernel: Kernel;
  readonly image: ImageShape;
  readonly planes: ImageShape;
}

/** What images go through before a network's layers; the config keys of the same names describe it. */
export interface ImageEncoder {
  /** Of one 3 × 3 convolution or, as a list, of several that divide the sides. */
  channels: number | readonly number[];
  /** Of several: of each or of all. */
  strides?: number | readonly number[];
}

/** The convolutions that an image goes through, one after the other. Throws a RangeError where a side cannot be divided. */
export function stagesOf(image: ImageShape, { channels, strides = 2 }: ImageEncoder): Stage[] {
  if (typeof channels === 'number') return [stageOf(image, channels, THREE_BY_THREE)];
  const stages: Stage[] = [];
  for (const [i, outputs] of channels.entries()) {
    const stride = typeof strides === 'number' ? strides : strides[i]!;
    stages.push(stageOf(stages.at(-1)?.planes ?? image, outputs, dividing(stride)));
  }
  return stages;
}

function stageOf(image: ImageShape, outputs: number, kernel: Kernel): Stage {
  const [rows, columns] = image.slice(0, 2).map((extent) => patchesAlong(extent, kernel)) as [number, number];
  if (!(rows > 0 && columns > 0 && Number.isInteger(rows) && Number.isInteger(columns))) {
    throw new RangeError(
      `an image of ${image[0]} × ${image[1]} has no convolution of stride ${kernel.stride} and size ${kernel.size}`,
    );
  }
  return { kernel, image, planes: [rows, columns, outputs] };
}

/** Patches along a side of an image, and the inverse: cells of a side that has so many. */
const patchesAlong = (extent: number, { size, stride, padding }: Kernel): number =>
  (extent + 2 * padding - size) / stride + 1;
const cellsAlong = (count: number, { size, stride, padding }: Kernel): number =>
  (count - 1) * stride + size - 2 * padding;

/**
 * The two parameters of a convolution: its weight is a matrix [size × size × channels, outputs], row-major in the kernel's
 * row and column, which every cell of the planes is made with. `scale` multiplies the initial weights.
 */
export const convolutionSpecs = (
  name: string,
  { kernel, image, planes }: Stage,
  scale = 1,
  weights: WeightInitialiser = fanIn,
  biases?: WeightInitialiser,
): ParameterSpec[] =>
  usedByCells(linearSpecs(name, patchSize(kernel, image[2]), planes[2], scale, weights, biases), planes);

/** Numbers of a patch of so many channels. */
export const patchSize = ({ size }: Kernel, channels: number): number => size * size * channels;

/** The parameters of a layer that each cell of some planes is multiplied by, or made with. */
export const usedByCells = (specs: readonly ParameterSpec[], [rows, columns]: ImageShape): ParameterSpec[] =>
  specs.map((spec) => ({ ...spec, uses: rows * columns }));

/**
 * A convolution: y[i, j] = act(Σ_{k, l} x[stride i + k − padding, stride j + l − padding] W[k, l] + b), x being 0 outside of
 * the image, as one product of all the image's patches with the weight, so that members are batched like those of any layer.
 *
 * @param x [members, …, rows, columns, channels]
 * @param inputGradient false where x is data or a constant: its gradient is not computed
 * @returns [members, …, patches down, patches across, outputs]
 */
export function convolution(
  x: tf.Tensor,
  { weight, bias }: Layer,
  kernel: Kernel,
  activation: Activation | 'none' = 'none',
  inputGradient = true,
): tf.Tensor {
  return affine(patches(x, kernel, inputGradient), weight, bias, activation, inputGradient);
}

/**
 * The two parameters of a transposed convolution: its weight is a matrix [channels, size × size × outputs], row-major in the
 * kernel's row and column. A cell within is a sum over (size / stride)² patches, which is what the initial weights count.
 */
export const transposedConvolutionSpecs = (
  name: string,
  { kernel, image, planes }: Stage,
  scale = 1,
): ParameterSpec[] => {
  const [inputs, outputs] = [planes[2], image[2]];
  const { size, stride } = kernel;
  const specs: ParameterSpec[] = [
    {
      name: `${name}.weight`,
      shape: [inputs, patchSize(kernel, outputs)],
      initialise: fanIn((size / stride) ** 2 * inputs, scale),
    },
    { name: `${name}.bias`, shape: [outputs], initialise: zeros },
  ];
  return usedByCells(specs, planes);
};

/**
 * A transposed convolution, which gives the sides of an image back what a convolution takes:
 * y[stride i + k − padding, stride j + l − padding] = Σ x[i, j] W[k, l] + b, over all (i, j) and (k, l) that meet there. Every
 * cell makes a patch, which are added up where they lie: the same sum as that of a convolution of the image with zeros
 * between and around its cells, of which most products would be with zeros and every cell be copied many times.
 *
 * @param x [members, …, rows, columns, channels]
 * @returns [members, …, cells down, cells across, outputs]
 */
export function transposedConvolution(x: tf.Tensor, { weight, bias }: Layer, kernel: Kernel): tf.Tensor {
  const [members, channels] = [x.shape[0]!, x.shape.at(-1)!];
  const outputs = bias.shape.at(-1)!;
  const made = tf.matMul(tf.reshape(x, [members, -1, channels]), weight);
  const image = overlaid(tf.reshape(made, [...x.shape.slice(0, -1), patchSize(kernel, outputs)]), kernel);
  const cells = tf.reshape(image, [members, -1, outputs]);
  return tf.reshape(tf.add(cells, tf.expandDims(bias, 1)), image.shape);
}

/**
 * All patches of images, zeros where they reach beyond: [members, …, rows, columns, channels] ->
 * [members, …, patches down, patches across, size × size × channels].
 *
 * @param inputGradient false where x is data or a constant
 */
export function patches(x: tf.Tensor, kernel: Kernel, inputGradient = true): tf.Tensor {
  const taken = () =>
    overImages(x, (images) =>
      withGradient([images], () => ({
        value: takePatches(images, kernel),
        keep: [],
        gradient: (dy) => [layPatches(dy, kernel)],
      })),
    );
  return inputGradient ? taken() : stopGradient(taken);
}

/** The adjoint of `patches`, patches added up where they lie, what reaches beyond the image left out. */
const overlaid = (x: tf.Tensor, kernel: Kernel): tf.Tensor =>
  overImages(x, (images) =>
    withGradient([images], () => ({
      value: layPatches(images, kernel),
      keep: [],
      gradient: (dy) => [takePatches(dy, kernel)],
    })),
  );

/** A function of images, [images, rows, columns, channels], of those of all members and batches. */
function overImages(x: tf.Tensor, f: (images: tf.Tensor) => tf.Tensor): tf.Tensor {
  const found = f(tf.reshape(x, [-1, ...(x.shape.slice(-3) as [number, number, number])]));
  return tf.reshape(found, [...x.shape.slice(0, -3), ...found.shape.slice(1)]);
}

/** Patches of images by the engine's own kernel, or along the columns and then along the rows. */
function takePatches(images: tf.Tensor, kernel: Kernel): tf.Tensor {
  const own = ownKernel('Patches');
  if (own) return own({ x: images }, { ...kernel })[0]!;
  return gathered(gathered(images, 2, kernel), 1, kernel);
}

/** Images of patches, likewise. */
function layPatches(patches: tf.Tensor, kernel: Kernel): tf.Tensor {
  const own = ownKernel('OverlaidPatches');
  if (own) return own({ x: patches }, { ...kernel })[0]!;
  return scattered(scattered(patches, 1, kernel), 2, kernel);
}

/** An axis of images: rows or columns. */
type Axis = 1 | 2;

/** Nothing along any axis of images but one. */
const along = (axis: Axis, before: number, after: number, rank = 4) =>
  new Array<[number, number]>(rank).fill([0, 0]).with(axis, [before, after]);

/** The channels of a kernel's cells in a row along an axis beside each other, for each of its places. */
function gathered(images: tf.Tensor, axis: Axis, kernel: Kernel): tf.Tensor {
  const { size, stride, padding } = kernel;
  const padded = padding > 0 ? tf.pad(images, along(axis, padding, padding)) : images;
  const { shape } = padded;
  const count = patchesAlong(images.shape[axis]!, kernel);
  const strides = tf.reshape(padded, shape.toSpliced(axis, 1, shape[axis]! / stride, stride));
  const part = (offset: number) => {
    const begin = [0, 0, 0, 0, 0].with(axis, Math.floor(offset / stride)).with(axis + 1, offset % stride);
    const cells = tf.slice(strides, begin, [-1, -1, -1, -1, -1].with(axis, count).with(axis + 1, 1));
    return tf.reshape(cells, shape.with(axis, count));
  };
  return tf.concat(
    Array.from({ length: size }, (_, offset) => part(offset)),
    3,
  );
}

/** The adjoint: the parts of each place's channels added to the kernel's cells along an axis. */
function scattered(images: tf.Tensor, axis: Axis, kernel: Kernel): tf.Tensor {
  const { size, stride, padding } = kernel;
  const { shape } = images;
  const parts = tf.split(images, size, 3).map((part) => tf.expandDims(part, axis + 1));
  const blocks = size / stride;
  const put = (_: unknown, block: number) => {
    const own = tf.concat(parts.slice(block * stride, (block + 1) * stride), axis + 1);
    return tf.pad(own, along(axis, block, blocks - 1 - block, 5));
  };
  const sum = tf.addN(Array.from({ length: blocks }, put));
  const whole = tf.reshape(
    sum,
    shape.with(axis, (shape[axis]! + blocks - 1) * stride).with(3, shape[3]! / size),
  );
  if (padding === 0) return whole;
  const extent = cellsAlong(shape[axis]!, kernel);
  return tf.slice(whole, [0, 0, 0, 0].with(axis, padding), [-1, -1, -1, -1].with(axis, extent));
}
