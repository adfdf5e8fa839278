import * as tf from '@tensorflow/tfjs-core';

/** Elements from one index to the next, along each axis of a row-major tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** Strides of a tensor that is broadcast to a shape: 0 where it is repeated. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const missing = to.length - from.length;
  const own = stridesOf(from);
  return to.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : own[axis - missing]!));
}

/** Axes that several tensors are walked along together, outermost first. */
export interface Walk {
  extents: number[];
  /** Of each tensor. */
  strides: number[][];
}

/** The most axes that the addon takes. */
const MAX_RANK = 12;

/** The same walk in the same order along as few axes as can be, at least one: neighbours that every tensor passes as one become one. */
export function merged({ extents, strides }: Walk): Walk {
  const axes: { extent: number; steps: number[] }[] = [];
  for (const [axis, extent] of extents.entries()) {
    if (extent === 1) continue;
    const steps = strides.map((of) => of[axis]!);
    const before = axes.at(-1);
    if (before?.steps.every((step, i) => step === steps[i]! * extent)) {
      before.extent *= extent;
      before.steps = steps;
    } else {
      axes.push({ extent, steps });
    }
  }
  if (axes.length === 0) axes.push({ extent: 1, steps: strides.map(() => 1) });
  tf.util.assert(axes.length <= MAX_RANK, () => `engine native takes at most ${MAX_RANK} axes`);
  return {
    extents: axes.map(({ extent }) => extent),
    strides: strides.map((_, i) => axes.map(({ steps }) => steps[i]!)),
  };
}
