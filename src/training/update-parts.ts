import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../engine/compiled.ts';

/**
 * The parts of an update of an agent that learns a world model and acts by imagination:
 *
 *   model        the model's losses on replayed windows, forward and backward
 *   imagination  the roll-out and its returns, forward only
 *   actor        the losses of actor and critic on imagined states, forward and backward
 *   optimizer    clipping, Adam and the moving averages
 *
 * What an update does besides is to sample windows, draw noise and upload both.
 */
export const updateParts = ['model', 'imagination', 'actor', 'optimizer'] as const;
export type UpdatePart = (typeof updateParts)[number];

/** Of each part that a method has, a function that does it once and gives a tensor of its last result, the caller's to dispose. */
export type TimedParts = Partial<Record<UpdatePart, () => tf.Tensor>>;

/** Floating-point operations of one update of one member, by part; the optimizer's are not counted. */
export type UpdateFlops = { update: number } & Partial<Record<Exclude<UpdatePart, 'optimizer'>, number>>;

/**
 * A part that computes from inputs which stay the same, compiled by itself where the engine compiles. Everything that it
 * computes is a result: what nobody asks for is not computed there.
 */
export function timedPart<Given extends object>(
  given: Given,
  compute: (given: Given) => tf.Tensor[],
): () => tf.Tensor {
  const compiled = new Compiled(
    (given: Given): Record<string, tf.Tensor> => Object.fromEntries(compute(given).entries()),
  );
  return () => tf.tidy(() => Object.values(compiled.run(given)).at(-1)!);
}
