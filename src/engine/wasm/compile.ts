import * as tf from '@tensorflow/tfjs-core';
import type { Compile } from '../compiled.ts';
import { record } from '../record.ts';
import type { WasmBackend } from './heap.ts';

/**
 * Runs `f` once, writes down the kernels that it calls, and then calls these alone: without tensors, tape and scopes,
 * which cost more than a small kernel. The bytes are those that `f` gives.
 */
export const compile: Compile = (f, inputs) => {
  const backend = tf.backend() as tf.KernelBackend & WasmBackend;
  const { steps, results, constants, count } = record(f, inputs);
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
