import type * as tf from '@tensorflow/tfjs-core';
import { sameTypeOn } from '../kernel-inputs.ts';

/** What an output will be. */
export interface Output {
  shape: number[];
  dtype: tf.DataType;
}

/** Elements that keep their distances on the way from one of the operands to one of the outputs. */
export interface Box {
  source: number;
  target: number;
  /** Elements before the first one. */
  sourceOffset: number;
  targetOffset: number;
  extents: number[];
  /** Of source and target. */
  strides: number[][];
}

/** What a call moves that does nothing else. */
export interface Moved {
  elementBytes: number;
  boxes: Box[];
}

/** How a kernel of tfjs is computed: one call of a kernel of the addon. */
export interface Call {
  /** Its name there, for the operands' type. */
  kernel: string;
  /** What it reads; what it writes follows. */
  operands: readonly tf.TensorInfo[];
  /** A list where the operation gives a list, if only of one. */
  outputs: Output | Output[];
  /** Extents, strides and attributes in the order that the addon documents. */
  parameters: readonly number[];
  /** Whether an output may stand where an operand of its size stood: each number is read before it is written. */
  inPlace?: boolean;
  /** Of the kernel Move. */
  moved?: Moved;
}

/** Or not at all: the same values under another shape. */
export interface Alias {
  same: tf.TensorInfo;
  output: Output;
}

export type Plan = Call | Alias;

/** A kernel of tfjs for this backend: from what is known without values to what is to be called. */
export interface Kernel {
  name: string;
  /** @throws Error for what has no kernel, naming it */
  plan(inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap): Plan;
}

/** Ends of names of the addon's kernels, by the type of what they read. */
const suffixes: Partial<Record<tf.DataType, string>> = { float32: '', int32: '.int32', bool: '.bool' };

/** The addon's kernel of that name for a type. */
export const typed = (name: string, dtype: tf.DataType): string => `${name}${suffixes[dtype] ?? `.${dtype}`}`;

/** An output of float32. */
export const floats = (shape: number[]): Output => ({ shape, dtype: 'float32' });

/** The type that all have. @throws Error where they differ */
export const sameType = (kernel: string, tensors: readonly tf.TensorInfo[]): tf.DataType =>
  sameTypeOn('native', kernel, tensors);

/** A kernel that takes float32 alone. */
export const ofFloats = ({ name, plan }: Kernel): Kernel => ({
  name,
  plan: (inputs, attributes) => {
    for (const input of Object.values(inputs)) {
      const dtype = (input as tf.TensorInfo | undefined)?.dtype ?? 'float32';
      if (dtype !== 'float32') throw new Error(missing(typed(name, dtype)));
    }
    return plan(inputs, attributes);
  },
});

/** What is said of a kernel that the addon lacks. */
export const missing = (kernel: string): string =>
  `engine native has no kernel ${kernel}; choose another --engine`;
