import * as tf from '@tensorflow/tfjs-core';
import type { Compile } from '../compiled.ts';
import { record, type Step } from '../record.ts';
import type { WasmBackend } from './heap.ts';

/**
 * Runs `f` once, writes down the kernels that it calls, and then calls these alone: without tensors, tape and scopes,
 * which cost more than a small kernel. The bytes are those that `f` gives.
 *
 * What is cut out of an input, as layers are out of all parameters, is kept where call after call is given the same one:
 * tensors never change.
 */
export const compile: Compile = (f, inputs) => {
  const backend = tf.backend() as tf.KernelBackend & WasmBackend;
  const { steps, results, constants, count } = record(f, inputs);
  // A result that is also another one, an input or a constant is held once more.
  const owned = new Set<number>(steps.flatMap(({ makes }) => makes));
  const shared = results.map(({ value }) => !owned.delete(value));
  const held: object[] = new Array(count);
  const asked = new Set(results.map(({ value }) => value));
  const cuts = steps.filter((step) => isCut(step, inputs.length, asked));
  /** Of each value whether it is kept for the next call. */
  const kept: boolean[] = new Array(count).fill(false);
  const drop = ({ makes }: Step) => {
    for (const value of makes) {
      if (kept[value]) backend.disposeData(held[value]!);
      kept[value] = false;
    }
  };
  for (const [value, dataId] of constants) held[value] = dataId;
  // Put together once; who observes kernels registers others, so these are looked up call by call.
  const calls = steps.map((step) => {
    const { inputs, attributes } = step;
    return { step, call: { inputs, backend, ...(attributes && { attrs: attributes }) } };
  });
  return {
    run: (given) => {
      const changed = given.map(({ dataId }, value) => dataId !== held[value]);
      for (const [value, { dataId }] of given.entries()) held[value] = dataId;
      const toKeep = new Set(cuts.filter(({ operands }) => !operands.some(({ value }) => changed[value])));
      for (const cut of cuts) if (!toKeep.has(cut)) drop(cut);
      for (const { step, call } of calls) {
        const { name, operands, makes, frees } = step;
        if (kept[makes[0]!]) continue;
        for (const { value, info } of operands) info.dataId = held[value]!;
        const made = tf.getKernel(name, 'wasm').kernelFunc(call);
        if (Array.isArray(made)) for (const [i, { dataId }] of made.entries()) held[makes[i]!] = dataId;
        else held[makes[0]!] = made.dataId;
        if (toKeep.has(step)) for (const value of makes) kept[value] = true;
        for (const value of frees) if (!kept[value]) backend.disposeData(held[value]!);
      }
      return results.map(({ value, info: { shape, dtype } }, i) => {
        const dataId = held[value]!;
        if (shared[i]) backend.incRef(dataId);
        return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
      });
    },
    dispose: () => {
      for (const cut of cuts) drop(cut);
      for (const dataId of constants.values()) backend.disposeData(dataId);
    },
  };
};

/** Whether a step cuts an input into values that are no results. */
const isCut = ({ name, operands, makes }: Step, inputs: number, results: ReadonlySet<number>): boolean =>
  (name === 'Slice' || name === 'SplitV') &&
  operands.every(({ value }) => value < inputs) &&
  !makes.some((value) => results.has(value));
