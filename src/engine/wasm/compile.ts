import * as tf from '@tensorflow/tfjs-core';
import type { Compile } from '../compiled.ts';
import { type KernelCall, observeKernels } from '../observe-kernels.ts';
import { scope } from '../scope.ts';
import type { WasmBackend } from './heap.ts';

/** A tensor as a step or the caller sees it: one of the program's values in some shape. */
interface Operand {
  value: number;
  info: tf.TensorInfo;
}

/** What the wasm backend knows a tensor's values by. */
interface DataId {
  id: number;
}

/** One call of a kernel. */
interface Step {
  name: string;
  /** What the kernel is given: its tensors are those of `operands`. */
  inputs: tf.NamedTensorInfoMap;
  operands: Operand[];
  attributes: tf.NamedAttrMap | undefined;
  /** The values that it makes, in the order of the kernel's outputs. */
  makes: number[];
  /** The values that nothing needs after it. */
  frees: number[];
}

/**
 * Runs `f` once, writes down the kernels that it calls, and then calls these alone: without tensors, tape and scopes,
 * which cost more than a small kernel. The bytes are those that `f` gives.
 */
export const compile: Compile = (f, inputs) => {
  const backend = tf.backend() as tf.KernelBackend & WasmBackend;
  const { steps, results, constants, count } = record(backend, f, inputs);
  // A result that is also another one, an input or a constant is held once more.
  const owned = new Set<number>(steps.flatMap(({ makes }) => makes));
  const shared = results.map(({ value }) => !owned.delete(value));
  const held: object[] = new Array(count);
  for (const [value, dataId] of constants) held[value] = dataId;
  return {
    run: (given) => {
      for (const [value, { dataId }] of given.entries()) held[value] = dataId;
      for (const { name, inputs, operands, attributes, makes, frees } of steps) {
        for (const { value, info } of operands) info.dataId = held[value]!;
        const { kernelFunc } = tf.getKernel(name, 'wasm');
        const made = kernelFunc({ inputs, backend, ...(attributes && { attrs: attributes }) });
        if (Array.isArray(made)) for (const [i, { dataId }] of made.entries()) held[makes[i]!] = dataId;
        else held[makes[0]!] = made.dataId;
        for (const value of frees) backend.disposeData(held[value]!);
      }
      return results.map(({ value, info: { shape, dtype } }, i) => {
        const dataId = held[value]!;
        if (shared[i]) backend.incRef(dataId);
        return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
      });
    },
    dispose: () => {
      for (const dataId of constants.values()) backend.disposeData(dataId);
    },
  };
};

/** What `f` does, as steps that make numbered values: the inputs come first, in their order. */
function record(
  backend: tf.KernelBackend & WasmBackend,
  f: (inputs: tf.Tensor[]) => tf.Tensor[],
  inputs: tf.Tensor[],
): { steps: Step[]; results: Operand[]; constants: Map<number, object>; count: number } {
  const values = new Map<object, number>();
  /** Values that are there from the start, like a tensor made of numbers. */
  const constants = new Map<number, object>();
  let count = 0;
  let oldest = 0;
  const number = (dataId: object): number => {
    values.set(dataId, count);
    return count++;
  };
  const operand = ({ dataId, shape, dtype }: tf.TensorInfo): Operand => {
    const known = values.get(dataId);
    if (known !== undefined) return { value: known, info: { dataId, shape, dtype } };
    // The backend numbers its tensors in the order in which they are made.
    if ((dataId as DataId).id < oldest)
      throw new Error('a compiled function uses a tensor that is not an input');
    const value = number(dataId);
    backend.incRef(dataId);
    constants.set(value, dataId);
    return { value, info: { dataId, shape, dtype } };
  };
  const steps: Step[] = [];
  const observe = ({ name, inputs, attributes, outputs }: KernelCall) => {
    const entries = Object.entries(inputs).flatMap(([key, input]) => (input ? [{ key, input }] : []));
    const operands = entries.map(({ input }) => operand(input));
    // A kernel that gives what it was given, in another shape, has nothing to compute.
    if (outputs.every(({ dataId }) => values.has(dataId))) return;
    const named = Object.fromEntries(entries.map(({ key }, i) => [key, operands[i]!.info]));
    steps.push({
      name,
      inputs: Array.isArray(inputs) ? Object.assign([], named) : named,
      operands,
      attributes,
      makes: outputs.map(({ dataId }) => number(dataId)),
      frees: [],
    });
  };
  const results = scope(() => {
    // Two inputs may share one tensor's values now, and not later.
    const given = inputs.map((x) => tf.tensor(x.dataSync(), x.shape, x.dtype));
    for (const { dataId } of given) number(dataId);
    oldest = (given[0]!.dataId as DataId).id;
    const tensors = observed(backend, observe, () => f(given));
    const results = tensors.map(operand);
    // Whatever the function has kept of them.
    tf.dispose(tensors);
    return results;
  });
  return { steps: needed(steps, results), results, constants, count };
}

/**
 * Calls `f` and tells `observe` of its kernels. It may look at indices to check them; any other value read would be a
 * constant of the program, unseen.
 */
function observed<T>(backend: tf.KernelBackend, observe: (call: KernelCall) => void, f: () => T): T {
  const { readSync } = backend;
  backend.readSync = (dataId) => {
    const values = readSync.call(backend, dataId);
    if (!(values instanceof Int32Array)) throw new Error('a compiled function cannot read values');
    return values;
  };
  const stop = observeKernels(observe);
  try {
    return f();
  } finally {
    stop();
    backend.readSync = readSync;
  }
}

/** The steps whose values are asked for, each freeing what is used for the last time. */
function needed(steps: Step[], results: readonly Operand[]): Step[] {
  const wanted = new Set(results.map(({ value }) => value));
  const made = new Set(steps.flatMap(({ makes }) => makes));
  const kept: Step[] = [];
  for (const step of steps.toReversed()) {
    if (!step.makes.some((value) => wanted.has(value))) continue;
    const uses = [...step.operands.map(({ value }) => value), ...step.makes];
    const last = new Set(uses.filter((value) => made.has(value) && !wanted.has(value)));
    for (const value of uses) wanted.add(value);
    kept.push({ ...step, frees: [...last] });
  }
  return kept.reverse();
}
