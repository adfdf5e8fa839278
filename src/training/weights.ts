import * as tf from '@tensorflow/tfjs-core';
import type { AgentState } from './agent.ts';
import { memberPart } from './member-part.ts';
import type { NamedArray } from './state.ts';

/** Tensors `[members, size]` by name: weights, moments, averages. */
export type NamedWeights = readonly (readonly [string, tf.Tensor2D])[];

/** Each member's part of the weights, [size] each, as a checkpoint stores them. */
export async function saveWeights(named: NamedWeights): Promise<AgentState['arrays'][]> {
  const values = await Promise.all(named.map(([, tensor]) => tensor.data<'float32'>()));
  const members = named[0]![1].shape[0];
  return Array.from({ length: members }, (_, member) =>
    Object.fromEntries(
      named.map(([name, { shape }], i) => [
        name,
        { shape: [shape[1]], data: memberPart(values[i]!, members, member).slice() },
      ]),
    ),
  );
}

/**
 * The array of a name in a saved state. Older checkpoints of some methods call an optimizer's moments NAME.adam_mean and
 * NAME.adam_square, where NAME.mean and NAME.square are asked for.
 */
export function savedArray(arrays: AgentState['arrays'], name: string): NamedArray | undefined {
  const names = [name, name.replace(/\.(mean|square)$/, '.adam_$1')];
  const found = names.find((each) => Object.hasOwn(arrays, each));
  return found === undefined ? undefined : arrays[found];
}

/** New tensors of the same names and shapes, from what `saveWeights` gave of each member. */
export function loadWeights(named: NamedWeights, states: readonly AgentState[]): Map<string, tf.Tensor2D> {
  return new Map(
    named.map(([name, { shape }]) => {
      const values = new Float32Array(shape[0] * shape[1]);
      for (const [member, { arrays }] of states.entries()) {
        values.set(savedArray(arrays, name)!.data, member * shape[1]);
      }
      return [name, tf.tensor2d(values, shape)];
    }),
  );
}

/** The tensor of a name, of those that `loadWeights` gives. Throws an Error where there is none, which is a bug. */
export function weightsNamed(tensors: ReadonlyMap<string, tf.Tensor2D>, name: string): tf.Tensor2D {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`no weights are called ${name}`);
  return tensor;
}

/** The weights of some members: [members, size] -> [count, size]. */
export const membersOf = (weights: tf.Tensor2D, from: number, count: number): tf.Tensor2D =>
  tf.slice(weights, [from, 0], [count, weights.shape[1]]);
