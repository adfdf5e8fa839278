import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import type { Build } from '../src/engine/wasm/heap.ts';
import { registerKernels } from '../src/engine/wasm/kernels.ts';
import { hasRelaxedSimd } from '../src/engine/wasm/relaxed-simd.ts';
import { RandomStream } from '../src/random/stream.ts';

const BUILDS: Build[] = hasRelaxedSimd() ? ['plain', 'relaxed'] : ['plain'];
const small = fc.integer({ min: 1, max: 9 });
const seed = fc.integer({ min: 0, max: 1_000_000 });

/** Standard normals, not on any engine yet. */
interface Values {
  shape: number[];
  data: Float32Array;
}

const extentOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
const normals = (seed: number, name: string, shape: number[]): Values => ({
  shape,
  data: RandomStream.named(seed, name).fillNormal(new Float32Array(extentOf(shape))),
});
const upload = ({ data, shape }: Values) => tf.tensor(data, shape);

/** What the operations of a case give on an engine: shapes and values. */
interface Result {
  shape: number[];
  data: ArrayLike<number>;
}

function evaluate(compute: () => tf.Tensor[]): Result[] {
  const before = tf.memory().numTensors;
  const results = scope(() => compute().map((x) => ({ shape: x.shape, data: x.dataSync().slice() })));
  assert.equal(tf.memory().numTensors, before, 'tensors leaked');
  return results;
}

function assertClose(actual: Result, wanted: Result, limit: number, what: string): void {
  assert.deepEqual(actual.shape, wanted.shape, what);
  for (let i = 0; i < wanted.data.length; i++) {
    const error = Math.abs(actual.data[i]! - wanted.data[i]!);
    // Written so that NaN fails.
    if (!(error <= limit * Math.max(1, Math.abs(wanted.data[i]!)))) {
      assert.fail(`${what}[${i}]: expected ${wanted.data[i]}, got ${actual.data[i]}`);
    }
  }
}

/**
 * Computes every case on the plain JavaScript backend, where the portable forms run on tfjs's own kernels, and then
 * with each build of ours, and compares.
 */
async function assertEqualsPortable<Case>(
  cases: readonly Case[],
  compute: (given: Case) => tf.Tensor[],
  limit: number,
): Promise<void> {
  await startEngine('cpu');
  const wanted = cases.map((given) => evaluate(() => compute(given)));
  await startEngine('wasm');
  for (const build of BUILDS) {
    registerKernels(build);
    for (const [i, given] of cases.entries()) {
      const actual = evaluate(() => compute(given));
      assert.equal(actual.length, wanted[i]!.length);
      for (const [part, result] of actual.entries()) {
        assertClose(result, wanted[i]![part]!, limit, `${build} ${JSON.stringify(given)} part ${part}`);
      }
    }
  }
}

const sample = <Case>(arbitrary: fc.Arbitrary<Case>, numRuns: number): Case[] =>
  fc.sample(arbitrary, { seed: 1, numRuns });

describe("tfjs's own operations on our kernels equal its plain JavaScript ones", () => {
  test('matMul with any transposes, leading axes and sizes beyond every block', async () => {
    const arbitrary = fc.record({
      leading: fc.constantFrom<[number[], number[]]>(
        [[], []],
        [[3], [3]],
        [
          [2, 2],
          [2, 2],
        ],
        [[3], [1]],
        [[1], [2]],
      ),
      rows: fc.oneof(small, fc.integer({ min: 10, max: 40 })),
      depth: fc.oneof(small, fc.integer({ min: 250, max: 530 })),
      columns: fc.oneof(small, fc.integer({ min: 120, max: 140 })),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      seed,
    });
    await assertEqualsPortable(
      sample(arbitrary, 60),
      ({ leading: [a, b], rows, depth, columns, transposeA, transposeB, seed }) => {
        const left = normals(seed, 'a', [...a, ...(transposeA ? [depth, rows] : [rows, depth])]);
        const right = normals(seed, 'b', [...b, ...(transposeB ? [columns, depth] : [depth, columns])]);
        return [tf.matMul(upload(left), upload(right), transposeA, transposeB)];
      },
      1e-4,
    );
  });

  test('slices, splits, stacks, sums and clones along any axis', async () => {
    const arbitrary = fc
      .record({ shape: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }), seed })
      .chain(({ shape, seed }) =>
        fc.record({
          shape: fc.constant(shape),
          seed: fc.constant(seed),
          axis: fc.integer({ min: 0, max: shape.length - 1 }),
          count: fc.integer({ min: 1, max: shape.length }),
          keepDims: fc.boolean(),
        }),
      );
    await assertEqualsPortable(
      sample(arbitrary, 60),
      ({ shape, axis, count, keepDims, seed }) => {
        const x = upload(normals(seed, 'x', shape));
        const integers = tf.cast(tf.mul(x, 10), 'int32');
        const extent = shape[axis]!;
        const inner = shape.map((n, i) => (i === axis ? Math.floor(n / 2) : 0));
        const axes = shape.map((_, i) => i).slice(axis, axis + count);
        return [
          tf.slice(x, inner),
          tf.slice(
            x,
            shape.map((n) => Math.floor(n / 2)),
          ),
          ...tf.split(x, [Math.floor(extent / 3), extent - Math.floor(extent / 3)].filter(Boolean), axis),
          ...tf.unstack(x, axis),
          tf.concat([x, x.square(), x], axis),
          tf.concat([integers, integers], axis - shape.length),
          tf.stack([x, x.square()], axis),
          tf.stack([x], axis),
          tf.sum(x, axes, keepDims),
          tf.sum(x, shape.length > 2 ? [0, shape.length - 1] : undefined, keepDims),
          tf.sum(integers, axes),
          tf.clone(x),
          tf.cast(x, 'float32'),
          integers,
        ];
      },
      1e-5,
    );
  });

  test('a clone outlives what it was cloned from', async () => {
    await startEngine('wasm');
    const x = tf.tensor1d([1, 2, 3]);
    const clone = tf.clone(x);
    x.dispose();
    assert.deepEqual([...clone.dataSync()], [1, 2, 3]);
    clone.dispose();
    assert.throws(() => clone.dataSync(), /disposed/);
  });

  test('what is not a number stays visible in a product', async () => {
    await startEngine('wasm');
    for (const build of BUILDS) {
      registerKernels(build);
      tf.tidy(() => {
        const product = tf.matMul(
          tf.tensor2d([
            [Number.NaN, 1],
            [Infinity, 0],
            [1, 2],
          ]),
          tf.ones([2, 9]),
        );
        const values = product.arraySync() as number[][];
        assert.deepEqual(
          values.map(([x]) => x),
          [Number.NaN, Infinity, 3],
        );
      });
    }
  });
});
