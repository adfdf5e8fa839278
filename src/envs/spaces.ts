import type { RandomStream } from '../random/stream.ts';

/** Arrays of `shape`, row-major; element i lies in [low[i], high[i]] (included; may be infinite). */
export interface BoxSpace {
  readonly kind: 'box';
  readonly shape: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Whether every element is an integer from 0 to 255: then a byte keeps it. */
  readonly bytes?: boolean;
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

/** The numbers of an action of the space in an array of actions: 1 for a choice, the size of a box. */
export function actionSize(space: Space): number {
  return space.kind === 'discrete' ? 1 : spaceSize(space);
}

/** Whether a box is one of images: [row, column, channel]. */
export const isImage = ({ shape }: BoxSpace): boolean => shape.length === 3;

/** Whether `point` lies in `space`. NaN lies nowhere. */
export function contains(space: Space, point: Point): boolean {
  if (space.kind === 'discrete') {
    return typeof point === 'number' && Number.isInteger(point) && point >= 0 && point < space.n;
  }
  if (typeof point === 'number' || point.length !== spaceSize(space)) return false;
  return point.every((x, i) => x >= space.low[i]! && x <= space.high[i]!);
}

/**
 * A random action: each choice equally likely, or uniform in the box, low included and high not (both as float32).
 * Throws a RangeError for a box without finite bounds.
 */
export function randomAction(space: Space, random: RandomStream): Point {
  if (space.kind === 'discrete') return random.integer(space.n);
  if (![...space.low, ...space.high].every(Number.isFinite)) {
    throw new RangeError('a uniform action needs a box with finite bounds');
  }
  const action = new Float32Array(spaceSize(space));
  for (let i = 0; i < action.length; i++) {
    random.fillUniform(action.subarray(i, i + 1), space.low[i]!, space.high[i]!);
  }
  return action;
}
