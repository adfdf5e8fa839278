import type { KernelBackend, Tensor, TensorInfo } from '@tensorflow/tfjs-core';

/** Attribute of an operation, in tfjs-node's form. */
export interface Attribute {
  name: string;
  /** One of the binding's TF_ATTR_… */
  type: number;
  value: number | boolean | string | number[] | boolean[];
}

/** A tensor that TensorFlow's library holds. */
export interface Handle {
  id: number;
  shape: number[];
  /** One of TensorFlow's TF_… numbers. */
  dtype: number;
}

export type Values = Float32Array | Int32Array | Uint8Array | number[] | boolean[];

/** What is used of tfjs-node's C++. */
export interface Binding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: number[], dtype: number, values: Values): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(name: string, attributes: Attribute[], ids: number[], outputs: number): Handle[];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  /** @param inputs, outputs names with commas between them */
  runSavedModel(id: number, inputIds: number[], inputs: string, outputs: string): Handle[];
}

/** tfjs-node's backend. */
export interface TensorflowBackend extends KernelBackend {
  isUsingGpuDevice: boolean;
  binding: Binding;
  getDTypeInteger(dtype: string): number;
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  createOutputTensor(handle: Handle): Tensor;
}
