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

/**
 * One step of Adam with clipping, each member by its own norm and learning rate.
 *
 *   inputs       parameters, gradient, mean, square [members, size]; norm, learningRate [members, 1];
 *                meanCorrection, squareCorrection: scalars
 *   attributes   clip, beta1, beta2, epsilon
 *   outputs      parameters, mean, square
 */
export const adam: Kernel = {
  name: 'Adam',
  run(heap, { parameters, gradient, mean, square, norm, learningRate, ...corrections }, attributes) {
    const { clip, beta1, beta2, epsilon } = attributes as Record<string, number>;
    const [members, size] = parameters!.shape as [number, number];
    const meanCorrection = heap.values(corrections.meanCorrection!)[0]!;
    const squareCorrection = heap.values(corrections.squareCorrection!)[0]!;
    const nextParameters = heap.output([members, size]);
    const nextMean = heap.output([members, size]);
    const nextSquare = heap.output([members, size]);
    for (let m = 0; m < members; m++) {
      heap.functions.adam(
        size,
        heap.at(parameters!, m),
        heap.at(gradient!, m),
        heap.at(mean!, m),
        heap.at(square!, m),
        heap.at(nextParameters, m),
        heap.at(nextMean, m),
        heap.at(nextSquare, m),
        Math.min(1, clip! / (heap.values(norm!)[m]! + 1e-9)),
        beta1!,
        beta2!,
        epsilon!,
        heap.values(learningRate!)[m]! * meanCorrection,
        squareCorrection,
      );
    }
    return [nextParameters, nextMean, nextSquare];
  },
};
