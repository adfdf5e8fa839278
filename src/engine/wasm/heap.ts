import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '../engine-error.ts';
import { size } from '../size.ts';
import type { Functions } from './functions.ts';

/** What is used of tfjs's wasm backend (4.22) beyond the common interface. */
export interface WasmBackend {
  wasm: { asm: { memory: WebAssembly.Memory }; _malloc(bytes: number): number; _free(at: number): void };
  dataIdMap: { get(dataId: object): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  incRef(dataId: object): void;
}

export type Build = 'plain' | 'relaxed';

/** `npm run build` puts the modules there; the path holds from src and from dist. */
const files: Record<Build, URL> = {
  plain: new URL('../../../dist/engine/wasm/kernels.wasm', import.meta.url),
  relaxed: new URL('../../../dist/engine/wasm/kernels-relaxed.wasm', import.meta.url),
};

/** The wasm backend's memory, seen by our functions that compute in it. Take pointers after the outputs are made. */
export class Heap {
  readonly functions: Functions;
  readonly backend: WasmBackend;
  /** For `multiply`. */
  readonly workspace: number;

  /** Shares the memory of the active backend, which must be tfjs's wasm one. @throws EngineError where the kernels are not built. */
  constructor(build: Build) {
    this.backend = tf.backend() as tf.KernelBackend & WasmBackend;
    const module = new WebAssembly.Module(readModule(build));
    const env = { memory: this.backend.wasm.asm.memory };
    this.functions = new WebAssembly.Instance<Functions>(module, { env }).exports;
    this.workspace = this.allocate(this.functions.workspaceBytes());
    // After the first allocation: only then has the backend put its allocator in its place for good.
    throwWhenFull(this.backend.wasm);
  }

  /** Where a float32 tensor's values stand; with `member`, where those of one index of its leading axis do. */
  at({ dataId, shape }: tf.TensorInfo, member = 0): number {
    const start = this.backend.dataIdMap.get(dataId).memoryOffset;
    return member === 0 ? start : start + (member * 4 * size(shape)) / shape[0]!;
  }

  /** A float32 tensor's values as they stand, until memory grows. */
  values(x: tf.TensorInfo): Float32Array {
    return new Float32Array(this.backend.wasm.asm.memory.buffer, this.at(x), size(x.shape));
  }

  /** The same of an int32 tensor. */
  integers(x: tf.TensorInfo): Int32Array {
    return new Int32Array(this.backend.wasm.asm.memory.buffer, this.at(x), size(x.shape));
  }

  /** A new tensor, not initialised. */
  output(shape: number[], dtype: tf.DataType = 'float32'): tf.TensorInfo {
    return this.backend.makeOutput(shape, dtype);
  }

  /** The same values under another shape: no copy. */
  share({ dataId, dtype }: tf.TensorInfo, shape: number[]): tf.TensorInfo {
    this.backend.incRef(dataId);
    return { dataId, shape, dtype };
  }

  /** Memory that lasts until `f` returns. */
  borrow<T>(bytes: number, f: (at: number) => T): T {
    const at = this.allocate(bytes);
    try {
      return f(at);
    } finally {
      this.free(at);
    }
  }

  /** Memory until `free`. */
  allocate(bytes: number): number {
    // The allocator answers with a signed number, negative above 2 GB.
    return this.backend.wasm._malloc(bytes) >>> 0;
  }

  free(at: number): void {
    this.backend.wasm._free(at);
  }

  /** Writes x to `count` floats, `stride` bytes apart. */
  fill(x: number, count: number, at: number, stride: number): void {
    const floats = new Float32Array(this.backend.wasm.asm.memory.buffer);
    for (let i = 0; i < count; i++) floats[(at + i * stride) / 4] = x;
  }
}

/** Backends whose allocator throws already. */
const guarded = new WeakSet<object>();

/**
 * tfjs takes an allocator's answer of 0, which says that memory is full, for an address and writes there, and asks for
 * the size modulo 4 GiB of a tensor that is larger. Both shall be a RangeError, as where JavaScript's own memory ends.
 */
function throwWhenFull(wasm: WasmBackend['wasm']): void {
  if (guarded.has(wasm)) return;
  guarded.add(wasm);
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const at = bytes < 2 ** 32 ? allocate(bytes) : 0;
    if (at === 0) throw new RangeError(`allocation failed: ${bytes} bytes of WebAssembly memory`);
    return at;
  };
}

function readModule(build: Build): Uint8Array {
  try {
    return readFileSync(files[build]);
  } catch {
    throw new EngineError('wasm', 'its kernels are not built; run `npm run build`');
  }
}
