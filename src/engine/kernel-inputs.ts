import * as tf from '@tensorflow/tfjs-core';
import type { EngineName } from './names.ts';
import { size } from './size.ts';

/** What kernels of every engine of our own ask of the tensors and attributes that tfjs gives them. */

/** A negative axis counts from the end. */
export const axisOf = (axis: unknown, rank: number): number =>
  Number(axis) < 0 ? Number(axis) + rank : Number(axis);

/** The tensors in their order, where the operation takes a list or one alone. */
export const tensorsOf = (inputs: tf.NamedTensorInfoMap): tf.TensorInfo[] =>
  Object.values(inputs) as tf.TensorInfo[];

/** The type that all have. @throws Error where they differ, which names the engine and its kernel */
export function sameTypeOn(
  engine: EngineName,
  kernel: string,
  tensors: readonly tf.TensorInfo[],
): tf.DataType {
  const { dtype } = tensors[0]!;
  const other = tensors.find((x) => x.dtype !== dtype);
  if (!other) return dtype;
  throw new Error(`${kernel} of ${dtype} and ${other.dtype} at once is not possible on engine ${engine}`);
}

/** That of tensors side by side along an axis. @throws Error where they do not fit */
export function joinedShape(tensors: readonly tf.TensorInfo[], axis: number): number[] {
  const shapes = tensors.map(({ shape }) => shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  return tf.backend_util.computeOutShape(shapes, axis);
}

/** Where a part of x begins, and its extents. @throws Error where it is not within x */
export function partOf(
  x: tf.TensorInfo,
  attributes: tf.NamedAttrMap,
): { begin: number[]; extents: number[] } {
  const [begin, extents] = tf.slice_util.parseSliceParams(
    x,
    attributes.begin as number[],
    attributes.size as number[],
  ) as [number[], number[]];
  tf.slice_util.assertParamsValid(x, begin, extents);
  return { begin, extents };
}

/** Those called `${name}0`, `${name}1`, … */
export function numberedInputs(inputs: tf.NamedTensorInfoMap, name: string): tf.TensorInfo[] {
  const tensors: tf.TensorInfo[] = [];
  for (let i = 0; inputs[`${name}${i}`]; i++) tensors.push(inputs[`${name}${i}`]!);
  return tensors;
}

/** Rows of one member: [members, …, columns]. */
export const rowsOf = ({ shape }: tf.TensorInfo): number => size(shape.slice(1, -1));

/** Rows over the last axis, and the numbers of each. */
export const lastAxisRows = ({ shape }: tf.TensorInfo): [number, number] => [
  size(shape.slice(0, -1)),
  shape.at(-1)!,
];

/** Rows over both last axes, and the numbers of each. */
export const lastTwoAxesRows = ({ shape }: tf.TensorInfo): [number, number] => [
  size(shape.slice(0, -2)),
  size(shape.slice(-2)),
];

/** Blocks of all rows of a recurrent unit's state [members, …, units], and the units of each. */
export const gruShape = ({ shape }: tf.TensorInfo, blocks: number): [number, number] => [
  size(shape.slice(0, -1)) * blocks,
  shape.at(-1)! / blocks,
];

/** How a kernel goes over images [images, rows, columns, channels]: patches [images, down, across, size² channels]. */
export interface SweepShape {
  images: [images: number, rows: number, columns: number, channels: number];
  patches: [images: number, down: number, across: number, numbers: number];
  /** Size, stride and padding. */
  kernel: [size: number, stride: number, padding: number];
}

const kernelOf = ({ size, stride, padding }: tf.NamedAttrMap): SweepShape['kernel'] => [
  Number(size),
  Number(stride),
  Number(padding),
];

/** That over images. */
export function sweepOf({ shape }: tf.TensorInfo, attributes: tf.NamedAttrMap): SweepShape {
  const images = shape as SweepShape['images'];
  const kernel = kernelOf(attributes);
  const [size, stride, padding] = kernel;
  const [down, across] = [images[1], images[2]].map(
    (extent) => (extent + 2 * padding - size) / stride + 1,
  ) as [number, number];
  return { images, patches: [images[0], down, across, size * size * images[3]], kernel };
}

/** That which gives such patches. */
export function sweepTo({ shape }: tf.TensorInfo, attributes: tf.NamedAttrMap): SweepShape {
  const patches = shape as SweepShape['patches'];
  const kernel = kernelOf(attributes);
  const [size, stride, padding] = kernel;
  const [rows, columns] = [patches[1], patches[2]].map(
    (count) => (count - 1) * stride + size - 2 * padding,
  ) as [number, number];
  return { images: [patches[0], rows, columns, patches[3] / (size * size)], patches, kernel };
}

/** A dense or block-diagonal layer of rows. */
export interface NormLayerShape {
  members: number;
  rows: number;
  blocks: number;
  /** Of one block: what goes in and what comes out. */
  depth: number;
  columns: number;
}

/**
 * @param x [members, rows, inputs]
 * @param weight [members, blocks, inputs / blocks, outputs / blocks], without the axis of blocks where there is one
 */
export function normLayerShape(x: tf.TensorInfo, weight: tf.TensorInfo): NormLayerShape {
  const [members, ...own] = weight.shape as [number, ...number[]];
  const [blocks, depth, columns] = (own.length === 2 ? [1, ...own] : own) as [number, number, number];
  return { members, rows: rowsOf(x), blocks, depth, columns };
}

/** The matrices of a tf.matMul. */
export interface MatMulShape {
  /** Extents of the leading axes, and their product. */
  outer: number[];
  batch: number;
  rows: number;
  columns: number;
  depth: number;
  /** Elements from matrix to matrix; 0 where a single one serves the whole batch. */
  aStep: number;
  bStep: number;
}

/** @throws Error where rows and columns do not meet, or leading axes are neither equal nor a single matrix's */
export function matMulShape(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): MatMulShape {
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [rows, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [bDepth, columns] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (bDepth !== depth) throw new Error(`matMul: a depth of ${depth} does not meet one of ${bDepth}`);
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batch = size(outer);
  const step = ({ shape }: tf.TensorInfo): number => {
    const own = size(shape.slice(0, -2));
    if (own !== batch && own !== 1)
      throw new Error(`matMul: cannot broadcast [${a.shape}] with [${b.shape}]`);
    return own === 1 ? 0 : size(shape.slice(-2));
  };
  return { outer, batch, rows, columns, depth, aStep: step(a), bStep: step(b) };
}
