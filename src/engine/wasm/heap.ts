import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors.ts';
import { size } from './kernel.ts';

/** What is used of tfjs's wasm backend (4.22) beyond the common interface. */
export interface WasmBackend {
  wasm: { asm: { memory: WebAssembly.Memory }; _malloc(bytes: number): number; _free(at: number): void };
  dataIdMap: { get(dataId: object): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  incRef(dataId: object): void;
}

/** The exports of src/engine/wasm/assembly, documented there. Pointers and strides are in bytes. */
interface Functions {
  copyRows(
    rows: number,
    bytes: number,
    source: number,
    sourceRow: number,
    target: number,
    targetRow: number,
  ): void;
  sumRows(groups: number, rows: number, columns: number, x: number, sums: number): void;
  reluGradient(count: number, y: number, dy: number): void;
  lstmCell(
    rows: number,
    units: number,
    gates: number,
    gatesRow: number,
    keep: number,
    keepRow: number,
    cellBefore: number,
    cellBeforeRow: number,
    cell: number,
    cellRow: number,
    hidden: number,
    hiddenRow: number,
  ): void;
  lstmForward(
    batch: number,
    steps: number,
    units: number,
    inputs: number,
    packed: number,
    keep: number,
    states: number,
    gates: number,
    hiddenBefore: number,
    workspace: number,
  ): void;
  lstmBackward(
    batch: number,
    steps: number,
    units: number,
    dStates: number,
    packedTransposed: number,
    keep: number,
    states: number,
    gates: number,
    dInputs: number,
    carry: number,
    workspace: number,
  ): void;
  workspaceBytes(): number;
  packedBytes(depth: number, columns: number): number;
  pack(depth: number, columns: number, b: number, bRow: number, bColumn: number, packed: number): void;
  multiply(
    rows: number,
    columns: number,
    depth: number,
    a: number,
    aRow: number,
    aColumn: number,
    packed: number,
    start: number,
    startRow: number,
    c: number,
    cRow: number,
    floor: number,
    workspace: number,
  ): void;
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

  /** Shares the memory of the active backend, which must be tfjs's wasm one. @throws UserError where the kernels are not built. */
  constructor(build: Build) {
    this.backend = tf.backend() as tf.KernelBackend & WasmBackend;
    const module = new WebAssembly.Module(readModule(build));
    const env = { memory: this.backend.wasm.asm.memory };
    this.functions = new WebAssembly.Instance<Functions>(module, { env }).exports;
    this.workspace = this.allocate(this.functions.workspaceBytes());
  }

  /** Where a float32 tensor's values stand; with `member`, where those of one index of its leading axis do. */
  at({ dataId, shape }: tf.TensorInfo, member = 0): number {
    const start = this.backend.dataIdMap.get(dataId).memoryOffset;
    return member === 0 ? start : start + (member * 4 * size(shape)) / shape[0]!;
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
      this.backend.wasm._free(at);
    }
  }

  private allocate(bytes: number): number {
    // The allocator answers with a signed number, negative above 2 GB.
    return this.backend.wasm._malloc(bytes) >>> 0;
  }
}

function readModule(build: Build): Uint8Array {
  try {
    return readFileSync(files[build]);
  } catch {
    throw new UserError(`engine wasm: its kernels are not built; run \`npm run build\``);
  }
}
