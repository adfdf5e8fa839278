import * as tf from '@tensorflow/tfjs-core';
import { axisOf, joinedShape, partOf, tensorsOf } from '../kernel-inputs.ts';
import { size } from '../size.ts';
import { type Box, type Call, type Kernel, type Moved, type Output, sameType, typed } from './kernel.ts';
import { merged, stridesOf, type Walk } from './strides.ts';

/** A call that moves boxes. */
function move(
  operands: readonly tf.TensorInfo[],
  outputs: Output | Output[],
  boxes: readonly (Omit<Box, 'extents' | 'strides'> & { walk: Walk })[],
): Call {
  const elementBytes = tf.util.bytesPerElement(sameType('a join', operands));
  const moved = { elementBytes, boxes: boxes.map(({ walk, ...box }) => ({ ...box, ...merged(walk) })) };
  return { kernel: 'Move', operands, outputs, parameters: moveParameters(moved, operands.length), moved };
}

/** Its parameters as the addon reads them. */
export const moveParameters = ({ elementBytes, boxes }: Moved, operands: number): number[] => [
  ...[elementBytes, boxes.length],
  ...boxes.flatMap(({ source, target, sourceOffset, targetOffset, extents, strides }) => [
    ...[source, operands + target, sourceOffset, targetOffset],
    ...[extents.length, ...extents, ...strides.flat()],
  ]),
];

/** From one tensor to one: every element of a box of these extents. */
function moveOne(
  x: tf.TensorInfo,
  shape: number[],
  from: { offset: number; strides: number[] },
  extents: readonly number[] = shape,
  to: { offset: number; strides: number[] } = { offset: 0, strides: stridesOf(shape) },
): Call {
  const walk = { extents: [...extents], strides: [from.strides, to.strides] };
  const box = { source: 0, target: 0, sourceOffset: from.offset, targetOffset: to.offset, walk };
  return move([x], { shape, dtype: x.dtype }, [box]);
}

/** A position's offset. */
const offsetOf = (begin: readonly number[], strides: readonly number[]): number =>
  begin.reduce((offset, at, axis) => offset + at * strides[axis]!, 0);

/** The parts of x along an axis, of the given shapes. */
function cut(x: tf.TensorInfo, axis: number, extents: readonly number[], shapes: number[][]): Call {
  const strides = stridesOf(x.shape);
  let begin = 0;
  const boxes = extents.map((extent, target) => {
    const shape = x.shape.with(axis, extent);
    const walk = { extents: shape, strides: [strides, stridesOf(shape)] };
    const sourceOffset = begin * strides[axis]!;
    begin += extent;
    return { source: 0, target, sourceOffset, targetOffset: 0, walk };
  });
  return move(
    [x],
    shapes.map((shape) => ({ shape, dtype: x.dtype })),
    boxes,
  );
}

/** Tensors side by side along an axis; `laid` is the shape in which they stand side by side. */
function join(parts: readonly tf.TensorInfo[], axis: number, laid: number[][], shape: number[]): Call {
  const whole = laid[0]!.with(
    axis,
    laid.reduce((sum, shape) => sum + shape[axis]!, 0),
  );
  const strides = stridesOf(whole);
  let begin = 0;
  const boxes = laid.map((shape, source) => {
    const walk = { extents: shape, strides: [stridesOf(shape), strides] };
    const targetOffset = begin * strides[axis]!;
    begin += shape[axis]!;
    return { source, target: 0, sourceOffset: 0, targetOffset, walk };
  });
  return move(parts, { shape, dtype: parts[0]!.dtype }, boxes);
}

/** The same values under another shape. */
const reshaped = (
  name: string,
  shapeOf: (x: tf.TensorInfo, attributes: tf.NamedAttrMap) => number[],
): Kernel => ({
  name,
  plan: (inputs, attributes) => {
    const x = tensorsOf(inputs)[0]!;
    return { same: x, output: { shape: shapeOf(x, attributes), dtype: x.dtype } };
  },
});

const filled = (shape: number[], dtype: tf.DataType, value: number): Call => ({
  kernel: typed('Fill', dtype),
  operands: [],
  outputs: { shape, dtype },
  parameters: [size(shape), value],
});

export const movements: readonly Kernel[] = [
  reshaped('Identity', ({ shape }) => shape),
  reshaped('Reshape', ({ shape }, attributes) =>
    tf.util.inferFromImplicitShape(attributes.shape as number[], size(shape)),
  ),
  reshaped('ExpandDims', ({ shape }, { dim }) => shape.toSpliced(axisOf(dim, shape.length + 1), 0, 1)),
  {
    name: 'Slice',
    plan: ({ x }, attributes) => {
      const { begin, extents } = partOf(x!, attributes);
      const strides = stridesOf(x!.shape);
      return moveOne(x!, extents, { offset: offsetOf(begin, strides), strides });
    },
  },
  {
    name: 'StridedSlice',
    plan: ({ x }, a) => {
      const { finalShape, finalShapeSparse, begin, strides } = tf.slice_util.sliceInfo(
        x!.shape,
        a.begin as number[],
        a.end as number[],
        a.strides as number[],
        ...(['beginMask', 'endMask', 'ellipsisMask', 'newAxisMask', 'shrinkAxisMask'].map((key) =>
          Number(a[key]),
        ) as [number, number, number, number, number]),
      );
      const own = stridesOf(x!.shape);
      const from = {
        offset: offsetOf(begin, own),
        strides: own.map((stride, axis) => stride * strides[axis]!),
      };
      const to = { offset: 0, strides: stridesOf(finalShapeSparse) };
      return moveOne(x!, finalShape, from, finalShapeSparse, to);
    },
  },
  {
    name: 'SplitV',
    plan: ({ x }, attributes) => {
      const axis = axisOf(attributes.axis, x!.shape.length);
      const sizes = attributes.numOrSizeSplits as number | number[];
      const extents = tf.backend_util.prepareSplitSize(x!, sizes, axis);
      return cut(
        x!,
        axis,
        extents,
        extents.map((extent) => x!.shape.with(axis, extent)),
      );
    },
  },
  {
    name: 'Unpack',
    plan: ({ value }, attributes) => {
      const axis = axisOf(attributes.axis, value!.shape.length);
      const extents = new Array<number>(value!.shape[axis]!).fill(1);
      return cut(
        value!,
        axis,
        extents,
        extents.map(() => value!.shape.toSpliced(axis, 1)),
      );
    },
  },
  {
    name: 'Concat',
    plan: (inputs, attributes) => {
      const parts = tensorsOf(inputs);
      const axis = axisOf(attributes.axis, parts[0]!.shape.length);
      const whole = joinedShape(parts, axis);
      return join(
        parts,
        axis,
        parts.map(({ shape }) => shape),
        whole,
      );
    },
  },
  {
    name: 'Pack',
    plan: (inputs, attributes) => {
      const parts = tensorsOf(inputs);
      const { shape } = parts[0]!;
      const axis = axisOf(attributes.axis, shape.length + 1);
      for (const part of parts) tf.util.assertShapesMatch(shape, part.shape, 'stack: ');
      const laid = parts.map(() => shape.toSpliced(axis, 0, 1));
      return join(parts, axis, laid, shape.toSpliced(axis, 0, parts.length));
    },
  },
  {
    name: 'Tile',
    plan: ({ x }, { reps }) => {
      const { shape } = x!;
      const times = reps as number[];
      const strides = stridesOf(shape);
      const whole = shape.map((extent, axis) => extent * times[axis]!);
      // Each axis becomes two, how often and where.
      const extents = shape.flatMap((extent, axis) => [times[axis]!, extent]);
      const from = { offset: 0, strides: strides.flatMap((stride) => [0, stride]) };
      return moveOne(x!, whole, from, extents, { offset: 0, strides: stridesOf(extents) });
    },
  },
  {
    name: 'Transpose',
    plan: ({ x }, { perm }) => {
      const order = perm as number[];
      const strides = stridesOf(x!.shape);
      const from = { offset: 0, strides: order.map((axis) => strides[axis]!) };
      return moveOne(
        x!,
        order.map((axis) => x!.shape[axis]!),
        from,
      );
    },
  },
  {
    name: 'Reverse',
    plan: ({ x }, { dims }) => {
      const { shape } = x!;
      const axes = new Set(tf.util.parseAxisParam(dims as number[], shape));
      const own = stridesOf(shape);
      const last = shape.map((extent, axis) => (axes.has(axis) ? Math.max(0, extent - 1) : 0));
      const strides = own.map((stride, axis) => (axes.has(axis) ? -stride : stride));
      return moveOne(x!, shape, { offset: offsetOf(last, own), strides });
    },
  },
  {
    name: 'PadV2',
    plan: ({ x }, attributes) => {
      const paddings = attributes.paddings as [number, number][];
      const { shape, dtype } = x!;
      const whole = shape.map((extent, axis) => extent + paddings[axis]![0] + paddings[axis]![1]);
      const strides = stridesOf(whole);
      const { extents, strides: steps } = merged({ extents: shape, strides: [stridesOf(shape), strides] });
      return {
        kernel: typed('Pad', dtype),
        operands: [x!],
        outputs: { shape: whole, dtype },
        parameters: [
          ...[size(whole), Number(attributes.constantValue)],
          offsetOf(
            paddings.map(([before]) => before),
            strides,
          ),
          ...[extents.length, ...extents, ...steps.flat()],
        ],
      };
    },
  },
  {
    name: 'Fill',
    plan: (_, { shape, value, dtype }) =>
      filled(shape as number[], (dtype as tf.DataType) ?? 'float32', Number(value)),
  },
  { name: 'ZerosLike', plan: ({ x }) => filled(x!.shape, x!.dtype, 0) },
  { name: 'OnesLike', plan: ({ x }) => filled(x!.shape, x!.dtype, 1) },
  {
    name: 'Range',
    plan: (_, attributes) => {
      const [start, stop, step] = [attributes.start, attributes.stop, attributes.step].map(Number) as [
        number,
        number,
        number,
      ];
      const count = Math.max(0, Math.ceil((stop - start) / step));
      const dtype = (attributes.dtype as tf.DataType) ?? 'float32';
      return {
        kernel: typed('Range', dtype),
        operands: [],
        outputs: { shape: [count], dtype },
        parameters: [count, start, step],
      };
    },
  },
  {
    name: 'GatherV2',
    plan: ({ x, indices }, attributes) => {
      const axis = axisOf(attributes.axis, x!.shape.length);
      const batchDims = axisOf(attributes.batchDims ?? 0, indices!.shape.length);
      const row = x!.shape.slice(axis + 1);
      const shape = [...x!.shape.slice(0, axis), ...indices!.shape.slice(batchDims), ...row];
      return {
        kernel: 'GatherV2',
        operands: [x!, indices!],
        outputs: { shape, dtype: x!.dtype },
        parameters: [
          size(x!.shape.slice(0, batchDims)),
          size(x!.shape.slice(batchDims, axis)),
          x!.shape[axis]!,
          size(indices!.shape.slice(batchDims)),
          tf.util.bytesPerElement(x!.dtype) * size(row),
        ],
      };
    },
  },
  {
    name: 'UnsortedSegmentSum',
    plan: ({ x, segmentIds }, { numSegments }) => {
      const rank = segmentIds!.shape.length;
      const row = x!.shape.slice(rank);
      return {
        kernel: typed('UnsortedSegmentSum', x!.dtype),
        operands: [x!, segmentIds!],
        outputs: { shape: [Number(numSegments), ...row], dtype: x!.dtype },
        parameters: [size(segmentIds!.shape), size(row), Number(numSegments)],
      };
    },
  },
  {
    name: 'OneHot',
    plan: ({ indices }, attributes) => {
      const { depth, onValue, offValue } = attributes;
      const dtype = (attributes.dtype as tf.DataType) ?? 'int32';
      return {
        kernel: typed('OneHot', dtype),
        operands: [indices!],
        outputs: { shape: [...indices!.shape, Number(depth)], dtype },
        parameters: [size(indices!.shape), Number(depth), Number(onValue), Number(offValue)],
      };
    },
  },
  {
    name: 'TopK',
    plan: ({ x }, attributes) => {
      const k = Number(attributes.k);
      const shape = x!.shape.with(-1, k);
      return {
        kernel: typed('TopK', x!.dtype),
        operands: [x!],
        outputs: [
          { shape, dtype: x!.dtype },
          { shape, dtype: 'int32' },
        ],
        parameters: [size(x!.shape.slice(0, -1)), x!.shape.at(-1)!, k],
      };
    },
  },
];
