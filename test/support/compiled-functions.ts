import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { Compiled } from '../../src/engine/compiled.ts';
import { lstmSequence } from '../../src/nn/lstm.ts';
import { lambdaReturn, quantileRange } from '../../src/training/returns.ts';
import { normals, upload } from './tensors.ts';

/**
 * Tests of `Compiled` on the active engine, which must be one that compiles.
 *
 * @param tolerance of a result, relative to its tensor's largest value, against the operations called one by one
 */
export function testCompiledFunctions(tolerance: number): void {
  const normal = (...given: Parameters<typeof normals>) => upload(normals(...given));

  test('a compiled function gives what its operations give one by one, and frees what it makes', () => {
    const size = fc.integer({ min: 1, max: 5 });
    const shapes = fc.record({ members: size, batch: size, steps: size, units: size, seed: fc.nat(1000) });
    const f = ({ inputs, weight, keep }: Record<string, tf.Tensor>) => {
      const loss = (...[gates, weight]: tf.Tensor[]) => {
        const { hidden, cell } = lstmSequence(
          gates as tf.Tensor4D,
          weight as tf.Tensor3D,
          keep as tf.Tensor3D,
        );
        return tf.sum(tf.add(tf.square(hidden), tf.mul(cell, 0.3))) as tf.Scalar;
      };
      const [dInputs, dWeight] = tf.grads(loss)([inputs!, weight!]);
      const sums = tf.sum(inputs!, -1) as tf.Tensor3D;
      const returns = lambdaReturn(sums, keep as tf.Tensor3D, sums, 0.7);
      const flat = tf.reshape(returns, [returns.shape[0], -1]) as tf.Tensor2D;
      return {
        nested: { dInputs: dInputs!, dWeight: dWeight! },
        given: keep!,
        returns,
        range: quantileRange(flat, 0.05, 0.95),
        hot: tf.cast(tf.oneHot(tf.argMax(inputs!, -1), inputs!.shape[3]!), 'float32'),
        gathered: tf.gather(weight!, tf.tensor1d([0, 0], 'int32'), 2),
      };
    };
    fc.assert(
      fc.property(shapes, ({ members, batch, steps, units, seed }) => {
        const before = tf.memory().numTensors;
        const compiled = new Compiled(f);
        tf.tidy(() => {
          for (const run of [1, 2]) {
            const given = {
              inputs: normal(seed + run, 'inputs', [members, batch, steps, 4 * units]),
              weight: normal(seed + run, 'weight', [members, units, 4 * units]),
              keep: tf.cast(tf.greater(normal(seed + run, 'keep', [members, batch, steps]), 0), 'float32'),
            };
            const [wanted, actual] = [f(given), compiled.run(given)].map(({ nested, ...rest }) => ({
              ...nested,
              ...rest,
            }));
            for (const [name, tensor] of Object.entries(wanted!)) {
              const values = (actual as Record<string, tf.Tensor>)[name]!;
              assert.deepEqual(values.shape, tensor.shape, name);
              const error = tf.max(tf.abs(tf.sub(values, tensor))).dataSync()[0]!;
              const limit = tolerance * (1 + tf.max(tf.abs(tensor)).dataSync()[0]!);
              // Written so that NaN fails.
              if (!(error <= limit)) assert.fail(`${name} is off by ${error}`);
            }
          }
        });
        compiled.dispose();
        assert.equal(tf.memory().numTensors, before, 'tensors leaked');
      }),
      { seed: 1, numRuns: 15 },
    );
  });

  test('what is cut out of an input is of the one that a call is given, however often it was the same', () => {
    const stored = tf.backend().numDataIds();
    tf.tidy(() => {
      const compiled = new Compiled(({ x, y }: { x: tf.Tensor; y: tf.Tensor }) => {
        const [a, b] = tf.split(x, 2) as [tf.Tensor, tf.Tensor];
        return { z: tf.add(tf.mul(a, y), b) };
      });
      const inputs = [tf.tensor1d([1, 2]), tf.tensor1d([3, 5])] as const;
      for (const [call, at] of ([0, 0, 0, 1, 0, 1, 1, 1] as const).entries()) {
        const { z } = compiled.run({ x: inputs[at], y: tf.tensor1d([call]) });
        assert.deepEqual([...z.dataSync()], at === 0 ? [call + 2] : [3 * call + 5], `call ${call}`);
      }
      compiled.dispose();
    });
    assert.equal(tf.backend().numDataIds(), stored, 'memory leaked');
  });

  test('inputs that were one tensor at first are told apart', () => {
    tf.tidy(() => {
      const compiled = new Compiled(({ x, y }: { x: tf.Tensor; y: tf.Tensor }) => ({ z: tf.sub(x, y) }));
      const x = tf.tensor1d([1, 2]);
      assert.deepEqual([...compiled.run({ x, y: tf.clone(x) }).z.dataSync()], [0, 0]);
      assert.deepEqual([...compiled.run({ x, y: tf.tensor1d([5, 7]) }).z.dataSync()], [-4, -5]);
    });
  });

  test('a compiled function that is not pure is a bug that is seen', () => {
    tf.tidy(() => {
      const x = tf.ones([2]);
      const y = tf.add(x, 1);
      assert.throws(
        () => new Compiled(({ x }: { x: tf.Tensor }) => ({ z: tf.mul(x, y) })).run({ x }),
        /not an input/,
      );
      const reads = new Compiled(({ x }: { x: tf.Tensor }) => ({ z: tf.mul(x, x.dataSync()[0]!) }));
      assert.throws(() => reads.run({ x }), /cannot read values/);
      assert.deepEqual([...tf.mul(x, y).dataSync()], [2, 2]);
    });
  });
}
