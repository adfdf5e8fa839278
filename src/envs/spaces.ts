/** Arrays of `shape`, row-major; element i lies in [low[i], high[i]] (included; may be infinite). */
export interface BoxSpace {
  readonly kind: 'box';
  readonly shape: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** The integers 0 … n - 1. */
export interface DiscreteSpace {
  readonly kind: 'discrete';
  readonly n: number;
}

export type Space = BoxSpace | DiscreteSpace;

/** A point of a space: an integer of a discrete space, a row-major array of a box. */
export type Point = number | Float32Array;

/** The number of elements of a point of the space, flattened: the product of a box's shape, n for one-hot. */
export function spaceSize(space: Space): number {
  return space.kind === 'discrete' ? space.n : space.shape.reduce((product, extent) => product * extent, 1);
}

/** Whether `point` lies in `space`. NaN lies nowhere. */
export function contains(space: Space, point: Point): boolean {
  if (space.kind === 'discrete') {
    return typeof point === 'number' && Number.isInteger(point) && point >= 0 && point < space.n;
  }
  if (typeof point === 'number' || point.length !== spaceSize(space)) return false;
  return point.every((x, i) => x >= space.low[i]! && x <= space.high[i]!);
}
