import * as tf from '@tensorflow/tfjs-core';
import { type KernelCall, observeKernels } from './observe-kernels.ts';
import { scope } from './scope.ts';

/** A tensor as a step or the caller sees it: one of the recording's values in some shape. */
export interface Operand {
  value: number;
  info: tf.TensorInfo;
}

/** One call of a kernel. */
export interface Step {
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

/** What a function does: kernels that make numbered values. The inputs come first, in their order. */
export interface Recording {
  steps: Step[];
  results: Operand[];
  /** Values that are there from the start, like a tensor made of numbers: the backend keeps them. */
  constants: Map<number, object>;
  /** How many values there are. */
  count: number;
}

/** What recording needs of a backend beyond the common interface: one that counts who holds a tensor's values. */
export interface CountingBackend extends tf.KernelBackend {
  incRef(dataId: object): void;
}

/**
 * Runs `f` once on the active backend and writes down the kernels that it calls and whose values its results need.
 *
 * @throws Error where `f` uses tensors that are neither inputs nor made in it, or reads values
 */
export function record(f: (inputs: tf.Tensor[]) => tf.Tensor[], inputs: tf.Tensor[]): Recording {
  const backend = tf.backend() as CountingBackend;
  const values = new Map<object, number>();
  const constants = new Map<number, object>();
  const written = new Set<object>();
  let count = 0;
  const number = (dataId: object): number => {
    values.set(dataId, count);
    return count++;
  };
  const operand = ({ dataId, shape, dtype }: tf.TensorInfo): Operand => {
    const known = values.get(dataId);
    if (known !== undefined) return { value: known, info: { dataId, shape, dtype } };
    if (!written.has(dataId)) throw new Error('a compiled function uses a tensor that is not an input');
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
    const tensors = observed(backend, observe, written, () => f(given));
    const results = tensors.map(operand);
    // Whatever the function has kept of them.
    tf.dispose(tensors);
    return results;
  });
  return { steps: needed(steps, results), results, constants, count };
}

/**
 * Calls `f`, tells `observe` of its kernels and adds to `written` the tensors that are made of numbers. It may look at
 * indices to check them; any other value read would be a constant of the program, unseen.
 */
function observed<T>(
  backend: tf.KernelBackend,
  observe: (call: KernelCall) => void,
  written: Set<object>,
  f: () => T,
): T {
  const { readSync, write } = backend;
  backend.readSync = (dataId) => {
    const values = readSync.call(backend, dataId);
    if (!(values instanceof Int32Array)) throw new Error('a compiled function cannot read values');
    return values;
  };
  backend.write = (...given) => {
    const dataId = write.apply(backend, given);
    written.add(dataId);
    return dataId;
  };
  const stop = observeKernels(observe);
  try {
    return f();
  } finally {
    stop();
    backend.readSync = readSync;
    backend.write = write;
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
