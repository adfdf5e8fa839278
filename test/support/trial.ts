import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { size } from '../../src/engine/size.ts';
import { RandomStream } from '../../src/random/stream.ts';

/** What kernels are tried on: shapes and numbers, and how near their results have to come. */

/** A distribution of numbers. */
export type Numbers = (random: RandomStream) => number;

const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: negativeInfinity } = Number;
export const SMALLEST = 2 ** -126;
const specials = [
  ...[nan, infinity, negativeInfinity, 0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5],
  ...[2 ** -149, -1e-40, SMALLEST, -SMALLEST, 3.4028234663852886e38, -3.4028234663852886e38, 16777217],
];
const edges = [
  0,
  1,
  -1,
  2,
  -2,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 24 + 1,
  -(2 ** 24) - 1,
  46341,
  65536,
  123456789,
];

/** Ten thousandths to thousands. */
export const ordinary: Numbers = (random) => random.normal() * 10 ** (random.integer(8) - 4);
export const anyFloat: Numbers = (random) =>
  random.integer(5) === 0 ? specials[random.integer(specials.length)]! : ordinary(random);
/** Float32 ends at e^88.72, the kernel's exp at e^88.3, as its docstring says. */
export const exponents: Numbers = (random) => {
  const x = anyFloat(random);
  return x > 88.2 && x < 88.8 ? 88 : x;
};
export const moderate: Numbers = (random) => 4 * random.uniform() - 2;
/** Moderate, and at times not a number or infinite. */
export const sparse: Numbers = (random) =>
  random.integer(40) === 0 ? [nan, infinity, negativeInfinity][random.integer(3)]! : moderate(random);
export const integers: Numbers = (random) =>
  [
    () => edges[random.integer(edges.length)]!,
    () => random.integer(2 ** 32) | 0,
    () => random.integer(9) - 4,
  ][random.integer(3)]!();
export const truth: Numbers = (random) => random.integer(2);

export const numbersOf = { float32: anyFloat, int32: integers, bool: truth };
export type Type = keyof typeof numbersOf;
export const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
export const truthOf = (x: number): number => Number(x !== 0);
export const types: Type[] = ['float32', 'int32', 'bool'];

/** One trial: a shape, and choices from a seed. The same on every engine. */
export class Trial {
  readonly shape: readonly number[];
  readonly random: RandomStream;

  constructor({ shape, seed }: Drawn) {
    this.shape = shape;
    this.random = RandomStream.named(seed, 'trial');
  }

  /** @returns an integer in [0, bound) */
  below(bound: number): number {
    return this.random.integer(bound);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  x(
    shape: readonly number[] = this.shape,
    dtype: Type = 'float32',
    numbers: Numbers = numbersOf[dtype],
  ): tf.Tensor {
    // Written into an array of the type, which makes float32 of what is finer.
    const array = new arrays[dtype](size(shape));
    for (let i = 0; i < array.length; i++) array[i] = numbers(this.random);
    return tf.tensor(array, [...shape], dtype);
  }

  /** Two that can be broadcast to the trial's shape. */
  pair(dtype: Type = 'float32', numbers?: Numbers): [tf.Tensor, tf.Tensor] {
    const part = () => {
      const shape = this.shape.map((n) => (this.below(3) === 0 ? 1 : n));
      return this.below(3) === 0 ? shape.slice(this.below(shape.length + 1)) : shape;
    };
    const shapes = [this.shape, part()] as const;
    const [a, b] = this.below(2) ? shapes : [part(), shapes[this.below(2)]!];
    return [this.x(a, dtype, numbers), this.x(b, dtype, numbers)];
  }

  /** The shape, with at least one axis, and one of them. */
  axis(least = 0): { shape: number[]; axis: number } {
    const shape = this.shape.length === 0 ? [1] : [...this.shape];
    const axis = this.below(shape.length);
    shape[axis] = Math.max(least, shape[axis]!);
    return { shape, axis };
  }

  /** Some axes of the shape, whose extents are at least so much. */
  axes(least = 0): { shape: number[]; axes: number[] } {
    const axes = this.shape.flatMap((_, axis) => (this.below(2) ? [axis] : []));
    return { shape: this.shape.map((n, axis) => (axes.includes(axis) ? Math.max(least, n) : n)), axes };
  }
}

export interface Drawn {
  shape: number[];
  seed: number;
}

const extent = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);
/** Ranks 0 to 5, and rows longer than every vector. */
export const drawn: fc.Arbitrary<Drawn> = fc.record({
  shape: fc.oneof(
    { weight: 3, arbitrary: fc.array(extent, { maxLength: 5 }) },
    {
      weight: 1,
      arbitrary: fc.tuple(extent, fc.integer({ min: 1, max: 90 })).map(([m, n]) => (m === 0 ? [n] : [m, n])),
    },
  ),
  seed: fc.nat(1_000_000_000),
});

/** How a kernel is tried. */
export interface Trials {
  compute: (trial: Trial) => tf.Tensor | tf.Tensor[];
  /** What it should give, where the backend `cpu` is itself inexact or wrong; by default that. */
  wanted?: (trial: Trial) => tf.Tensor | tf.Tensor[];
  /** Largest relative error; by default none. */
  relative?: number;
  /** Largest absolute error besides. */
  absolute?: number;
  /** Whether the sign of a zero counts. */
  signedZeros?: boolean;
}
