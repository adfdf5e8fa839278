import type * as tf from '@tensorflow/tfjs-core';
import type { Heap } from './heap.ts';

type Outputs = tf.TensorInfo | tf.TensorInfo[];

/** A tfjs kernel for the wasm backend: makes its outputs on the heap and computes them. */
export interface Kernel {
  name: string;
  /** @param stock runs tfjs's own kernel of that name, for the cases that are left to it */
  run(heap: Heap, inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap, stock: () => Outputs): Outputs;
}
