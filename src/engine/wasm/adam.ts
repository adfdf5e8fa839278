import type * as tf from '@tensorflow/tfjs-core';
import type { Heap } from './heap.ts';
import type { Kernel } from './kernel.ts';

/** √Σx² of each member: x [members, size] -> [members, 1]. */
export const globalNorm: Kernel = {
  name: 'GlobalNorm',
  run(heap, { x }) {
    const [members, size] = x!.shape as [number, number];
    const norms = heap.output([members, 1]);
    const values = Float32Array.from({ length: members }, (_, m) =>
      heap.functions.norm(size, heap.at(x!, m)),
    );
    heap.values(norms).set(values);
    return [norms];
  },
};

/** Where a step's numbers stand: θ, g, m, v, then θ', m', v'. */
type Vectors = [number, number, number, number, number, number, number];

/**
 * One step of an optimizer with two moments, member by member.
 *
 * @param inputs parameters, gradient, mean, square [members, size]; learningRate [members, 1]; meanCorrection,
 *   squareCorrection: scalars
 * @param step one member's; its rate is α / (1 − β₁ᵗ), its correction 1 / (1 − β₂ᵗ)
 * @returns the next parameters, mean and square
 */
export function stepMoments(
  heap: Heap,
  inputs: tf.NamedTensorInfoMap,
  step: (size: number, vectors: Vectors, rate: number, correction: number, member: number) => void,
): tf.TensorInfo[] {
  const { parameters, gradient, mean, square, learningRate } = inputs;
  const [members, size] = parameters!.shape as [number, number];
  const meanCorrection = heap.values(inputs.meanCorrection!)[0]!;
  const correction = heap.values(inputs.squareCorrection!)[0]!;
  const next = [parameters, mean, square].map(() => heap.output([members, size]));
  for (let m = 0; m < members; m++) {
    const vectors = [parameters!, gradient!, mean!, square!, ...next].map((x) => heap.at(x, m)) as Vectors;
    step(size, vectors, heap.values(learningRate!)[m]! * meanCorrection, correction, m);
  }
  return next;
}

/**
 * One step of Adam with clipping, each member by its own norm and learning rate.
 *
 *   inputs       those of `stepMoments`; norm [members, 1]
 *   attributes   clip, beta1, beta2, epsilon
 *   outputs      parameters, mean, square
 */
export const adam: Kernel = {
  name: 'Adam',
  run(heap, inputs, attributes) {
    const { clip, beta1, beta2, epsilon } = attributes as Record<string, number>;
    return stepMoments(heap, inputs, (size, vectors, rate, correction, member) => {
      const scale = Math.min(1, clip! / (heap.values(inputs.norm!)[member]! + 1e-9));
      heap.functions.adam(size, ...vectors, scale, beta1!, beta2!, epsilon!, rate, correction);
    });
  },
};
