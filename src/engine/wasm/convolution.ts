import { sweepOf, sweepTo } from '../kernel-inputs.ts';
import type { Kernel } from './kernel.ts';

/**
 * Patches of images, zeros where they reach out of these; src/nn/convolution.ts has what becomes of them.
 *
 *   inputs       x [images, rows, columns, channels]
 *   attributes   size, stride, padding of the kernel
 *   outputs      [images, patches down, patches across, size × size × channels]
 */
export const patches: Kernel = {
  name: 'Patches',
  run(heap, { x }, attributes) {
    const { images, patches, kernel } = sweepOf(x!, attributes);
    const taken = heap.output(patches);
    const [, down, across] = patches;
    heap.functions.takePatches(...images, ...kernel, down, across, heap.at(x!), heap.at(taken));
    return [taken];
  },
};

/** The adjoint: from patches to the sum of what lies on each number of the images. */
export const overlaidPatches: Kernel = {
  name: 'OverlaidPatches',
  run(heap, { x }, attributes) {
    const { images, patches, kernel } = sweepTo(x!, attributes);
    const laid = heap.output(images);
    const [, down, across] = patches;
    heap.functions.layPatches(...images, ...kernel, down, across, heap.at(x!), heap.at(laid));
    return [laid];
  },
};
