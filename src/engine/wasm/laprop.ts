import { stepMoments } from './adam.ts';
import type { Kernel } from './kernel.ts';

/**
 * Adaptive gradient clipping; src/nn/laprop.ts has the equations.
 *
 *   inputs       parameters, gradient [members, size]
 *   attributes   clip, leastNorm; sizes: of the parameters one after the other
 *   outputs      the clipped gradient
 */
export const adaptiveClip: Kernel = {
  name: 'AdaptiveClip',
  run(heap, { parameters, gradient }, attributes) {
    const { clip, leastNorm } = attributes as Record<string, number>;
    const sizes = attributes.sizes as number[];
    const clipped = heap.output(gradient!.shape);
    for (let m = 0; m < gradient!.shape[0]!; m++) {
      const starts = [parameters!, gradient!, clipped].map((x) => heap.at(x, m)) as [number, number, number];
      let passed = 0;
      for (const size of sizes) {
        const [p, g, to] = starts.map((start) => start + 4 * passed) as [number, number, number];
        heap.functions.adaptiveClip(size, p, g, to, clip!, leastNorm!);
        passed += size;
      }
    }
    return [clipped];
  },
};

/**
 * One step of LaProp, each member by its own learning rate.
 *
 *   inputs       those of `stepMoments`
 *   attributes   beta1, beta2, unit, epsilon
 *   outputs      parameters, mean, square
 */
export const laprop: Kernel = {
  name: 'LaProp',
  run(heap, inputs, attributes) {
    const { beta1, beta2, unit, epsilon } = attributes as Record<string, number>;
    return stepMoments(heap, inputs, (size, vectors, rate, correction) =>
      heap.functions.laprop(size, ...vectors, beta1!, beta2!, unit!, epsilon!, rate, correction),
    );
  },
};
