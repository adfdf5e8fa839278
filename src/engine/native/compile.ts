import * as tf from '@tensorflow/tfjs-core';
import type { Compile } from '../compiled.ts';
import { type Recording, record } from '../record.ts';
import { size } from '../size.ts';
import type { NativeBackend } from './backend.ts';
import type { Output } from './kernel.ts';
import { kernels } from './kernels.ts';
import { moveParameters } from './movement.ts';
import { type PlannedStep, place } from './placement.ts';

/**
 * Runs `f` once, writes down the kernels that it calls and hands them over as one program, which the addon then runs
 * as one call, in memory planned ahead. The bytes are those that `f` gives.
 */
export const compile: Compile = (f, inputs) => {
  const backend = tf.backend() as NativeBackend;
  const recording = record(f, inputs);
  const { results, constants } = recording;
  const steps = plan(recording);
  // A result that is also another one, an input or a constant is held once more.
  const owned = new Map<number, number>();
  const made = new Set(steps.flatMap(({ outputs }) => outputs));
  const own = results.filter(
    ({ value }) => made.has(value) && !owned.has(value) && owned.set(value, owned.size),
  );
  const words = encode(backend, recording, steps, inputs, owned);
  const program = backend.addon.compile(Float64Array.from(words));
  const ownForms = own.map(({ info }) => info);
  const taken = new Set<number>();
  const wanted = results.map(({ value, info: { shape, dtype } }) => {
    const index = owned.get(value);
    // The first tensor holds what the program made; every further one, and one of a constant or an input, once more.
    const isHeld = index !== undefined && !taken.has(value);
    taken.add(value);
    return { value, index, isHeld, shape, dtype };
  });
  const inputAddresses = new Float64Array(inputs.length);
  const resultAddresses = new Float64Array(own.length);
  return {
    run: (inputs) => {
      for (const [i, { dataId }] of inputs.entries()) inputAddresses[i] = backend.address(dataId);
      const outputs = backend.makeOutputs(ownForms, (outputs) => {
        for (const [i, { dataId }] of outputs.entries()) resultAddresses[i] = backend.address(dataId);
        backend.addon.run(program, inputAddresses, resultAddresses);
      });
      return wanted.map(({ value, index, isHeld, shape, dtype }) => {
        const dataId =
          index === undefined ? (constants.get(value) ?? inputs[value]!.dataId) : outputs[index]!.dataId;
        if (!isHeld) backend.incRef(dataId);
        return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
      });
    },
    dispose: () => {
      backend.addon.discard(program);
      for (const dataId of constants.values()) backend.disposeData(dataId);
    },
  };
};

/** The calls that a recording's steps come down to. */
function plan({ steps }: Recording): PlannedStep[] {
  return steps.map(({ name, inputs, operands, attributes, makes, frees }) => {
    const call = kernels.get(name)!.plan(inputs, attributes ?? {});
    // Kernels that give what they were given are not recorded.
    if ('same' in call) throw new Error(`${name} computes nothing`);
    const numbers = new Map(operands.map(({ info, value }) => [info, value]));
    return { call, operands: call.operands.map((info) => numbers.get(info)!), outputs: makes, frees };
  });
}

/**
 * The program as the addon reads it, in numbers:
 *
 *   bytes of the arena
 *   how many buffers; of each its place, where it is there, its bytes
 *   how many steps; of each its kernel; how many operands, of each its buffer and its offset in bytes; how many
 *   parameters, and these
 *
 * @param results the values that are results of the program, with their index
 */
function encode(
  backend: NativeBackend,
  { constants, count }: Recording,
  steps: readonly PlannedStep[],
  inputs: readonly tf.Tensor[],
  results: ReadonlyMap<number, number>,
): number[] {
  const bytes = new Array<number>(count).fill(0);
  const sized = (value: number, { shape, dtype }: Output) => {
    bytes[value] = size(shape) * tf.util.bytesPerElement(dtype);
  };
  for (const [value, input] of inputs.entries()) sized(value, input);
  for (const { call, outputs } of steps) {
    for (const [i, output] of [call.outputs].flat().entries()) sized(outputs[i]!, output);
  }
  const addresses = new Map([...constants].map(([value, dataId]) => [value, backend.address(dataId)]));
  const { buffers, locations, arenaBytes, boxes } = place(steps, { bytes, results, constants: addresses });
  const calls = steps.flatMap(({ call, operands, outputs }, at) => {
    const moved = boxes.get(at);
    if (moved?.length === 0) return [];
    const parameters = moved
      ? moveParameters({ ...call.moved!, boxes: moved }, operands.length)
      : call.parameters;
    const places = [...operands, ...outputs].flatMap((value) => {
      const { buffer, offset } = locations[value]!;
      return [buffer, offset];
    });
    return [[backend.kernel(call.kernel), places.length / 2, ...places, parameters.length, ...parameters]];
  });
  return [
    arenaBytes,
    buffers.length,
    ...buffers.flatMap(({ place, at, bytes }) => [place, at, bytes]),
    calls.length,
    ...calls.flat(),
  ];
}
