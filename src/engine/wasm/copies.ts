import * as tf from '@tensorflow/tfjs-core';
import { axisOf, joinedShape, partOf, sameTypeOn, tensorsOf } from '../kernel-inputs.ts';
import { size } from '../size.ts';
import type { Heap } from './heap.ts';
import type { Kernel } from './kernel.ts';

/**
 * Kernels that only move values. tfjs's own ones copy the whole input for every slice of it and then go row by row in
 * JavaScript; here a row costs a few instructions, and a clone, which every tensor that the gradient tape saves is,
 * shares its memory: tensors never change.
 */

/** Seen from an axis, a tensor is rows, each a piece of so many bytes for every step along the axis. */
function rowsAlong({ shape, dtype }: tf.TensorInfo, axis: number) {
  const bytes = tf.util.bytesPerElement(dtype) * size(shape.slice(axis + 1));
  return { rows: size(shape.slice(0, axis)), stepBytes: bytes, rowBytes: bytes * shape[axis]! };
}

/** The part of x from `begin` on along an axis, as a tensor of the given shape. */
function cut(
  heap: Heap,
  x: tf.TensorInfo,
  axis: number,
  begin: number,
  extent: number,
  shape = x.shape.with(axis, extent),
): tf.TensorInfo {
  const { rows, stepBytes, rowBytes } = rowsAlong(x, axis);
  const part = heap.output(shape, x.dtype);
  const bytes = extent * stepBytes;
  heap.functions.copyRows(rows, bytes, heap.at(x) + begin * stepBytes, rowBytes, heap.at(part), bytes);
  return part;
}

/** Tensors side by side along an axis, as one of the given shape. */
function join(heap: Heap, parts: readonly tf.TensorInfo[], axis: number, shape: number[]): tf.TensorInfo {
  const whole = heap.output(shape, sameTypeOn('wasm', 'a join', parts));
  const { rows, rowBytes } = rowsAlong(whole, axis);
  let target = heap.at(whole);
  for (const part of parts) {
    const bytes = (tf.util.bytesPerElement(part.dtype) * size(part.shape)) / rows;
    heap.functions.copyRows(rows, bytes, heap.at(part), bytes, target, rowBytes);
    target += bytes;
  }
  return whole;
}

export const copies: readonly Kernel[] = [
  {
    name: 'Identity',
    run: (heap, { x }) => heap.share(x!, x!.shape),
  },
  {
    name: 'Cast',
    run: (heap, { x }, { dtype }, stock) => (x!.dtype === dtype ? heap.share(x!, x!.shape) : stock()),
  },
  {
    name: 'Slice',
    run(heap, { x }, attributes, stock) {
      const { begin, extents } = partOf(x!, attributes);
      const axes = extents.flatMap((extent, axis) => (extent === x!.shape[axis] ? [] : [axis]));
      if (axes.length > 1) return stock();
      const axis = axes[0] ?? 0;
      return cut(heap, x!, axis, begin[axis]!, extents[axis]!);
    },
  },
  {
    name: 'SplitV',
    run(heap, { x }, attributes) {
      const axis = axisOf(attributes.axis, x!.shape.length);
      const extents = tf.backend_util.prepareSplitSize(
        x!,
        attributes.numOrSizeSplits as number | number[],
        axis,
      );
      let begin = 0;
      return extents.map((extent) => {
        begin += extent;
        return cut(heap, x!, axis, begin - extent, extent);
      });
    },
  },
  {
    name: 'Unpack',
    run(heap, { value }, attributes) {
      const axis = axisOf(attributes.axis, value!.shape.length);
      const shape = value!.shape.toSpliced(axis, 1);
      return Array.from({ length: value!.shape[axis]! }, (_, i) => cut(heap, value!, axis, i, 1, shape));
    },
  },
  {
    name: 'Concat',
    run(heap, inputs, attributes) {
      const parts = tensorsOf(inputs);
      const axis = axisOf(attributes.axis, parts[0]!.shape.length);
      return join(heap, parts, axis, joinedShape(parts, axis));
    },
  },
  {
    name: 'Pack',
    run(heap, inputs, attributes) {
      const parts = tensorsOf(inputs);
      const { shape } = parts[0]!;
      const axis = axisOf(attributes.axis, shape.length + 1);
      for (const part of parts) tf.util.assertShapesMatch(shape, part.shape, 'stack: ');
      return join(heap, parts, axis, shape.toSpliced(axis, 0, parts.length));
    },
  },
  {
    name: 'Tile',
    run(heap, { x }, attributes, stock) {
      const times = attributes.reps as number[];
      if (times.includes(0)) {
        return heap.output(
          x!.shape.map((extent, axis) => extent * times[axis]!),
          x!.dtype,
        );
      }
      const axes = times.flatMap((number, axis) => (number === 1 ? [] : [axis]));
      if (axes.length === 0) return heap.share(x!, x!.shape);
      if (axes.length > 1) return stock();
      const axis = axes[0]!;
      const parts = new Array<tf.TensorInfo>(times[axis]!).fill(x!);
      return join(heap, parts, axis, x!.shape.with(axis, parts.length * x!.shape[axis]!));
    },
  },
  {
    name: 'GatherV2',
    run(heap, { x, indices }, { axis, batchDims }, stock) {
      if (axisOf(axis, x!.shape.length) !== 0 || batchDims) return stock();
      const [rows, ...row] = x!.shape as [number, ...number[]];
      const at = heap.integers(indices!);
      if (at.some((i) => i < 0 || i >= rows)) throw new Error(`gather: an index is not in [0, ${rows})`);
      const out = heap.output([...indices!.shape, ...row], x!.dtype);
      const bytes = tf.util.bytesPerElement(x!.dtype) * size(row);
      heap.functions.gatherRows(size(indices!.shape), bytes, heap.at(x!), heap.at(indices!), heap.at(out));
      return out;
    },
  },
];
