import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { RandomStream } from '../../src/random/stream.ts';

/** A tensor's values, not on any engine yet: the same numbers can be given to each. */
export interface Values {
  shape: number[];
  data: Float32Array;
}

/** Standard normals, the same for the same seed and name. */
export function normals(seed: number, name: string, shape: number[]): Values {
  const size = shape.reduce((product, n) => product * n, 1);
  return { shape, data: RandomStream.named(seed, name).fillNormal(new Float32Array(size)) };
}

export const upload = ({ data, shape }: Values) => tf.tensor(data, shape);

/** Asserts that numbers are those wanted, up to `limit`: relative to those of a magnitude above 1. */
export function assertClose(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  limit = 1e-5,
  what?: string,
): void {
  assert.equal(actual.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(actual[i]! - wanted[i]!);
    // Written so that NaN fails.
    if (!(error <= limit * Math.max(1, Math.abs(wanted[i]!)))) {
      assert.fail(`${what ?? ''}[${i}]: expected ${wanted[i]}, got ${actual[i]}`);
    }
  }
}
