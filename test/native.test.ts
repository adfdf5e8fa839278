import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import type { NativeBackend } from '../src/engine/native/backend.ts';
import { instructionSets } from '../src/engine/native/compilation.ts';
import { fat, kernels } from '../src/engine/native/kernels.ts';
import { noiseFiller } from '../src/engine/native/noise.ts';
import { describeNative, startNative } from '../src/engine/native.ts';
import { ownKernel } from '../src/engine/own-kernel.ts';
import { scope } from '../src/engine/scope.ts';
import { fillNoiseBy, type NoiseFiller } from '../src/random/noise-filler.ts';
import { RandomStream } from '../src/random/stream.ts';
import { elementwiseTrials } from './support/elementwise-trials.ts';
import { engineHere } from './support/engine-here.ts';
import { movementTrials } from './support/movement-trials.ts';
import { nativeSetsHere } from './support/native-here.ts';
import { reductionTrials } from './support/reduction-trials.ts';
import { type Drawn, drawn, Trial, type Trials } from './support/trial.ts';

/** The engine native's kernels, in the build for each instruction set that this processor has. */

const native = await engineHere('native');
const sets = nativeSetsHere();
/** Cases of each kernel: 10,000 in all. */
const CASES = 150;

const noises = [
  ['normal', (stream, out) => stream.fillNormal(out)],
  ['gumbel', (stream, out) => stream.fillGumbel(out)],
  ['uniform', (stream, out) => stream.fillUniform(out)],
] satisfies [string, (stream: RandomStream, out: Float32Array) => Float32Array][];

interface Result {
  shape: number[];
  dtype: tf.DataType;
  values: ArrayLike<number>;
}

const evaluate = (compute: Trials['compute'], given: Drawn): Result[] =>
  scope(() =>
    [compute(new Trial(given))]
      .flat()
      .map((x) => ({ shape: x.shape, dtype: x.dtype, values: x.dataSync().slice() })),
  );

function assertNear(
  actual: Result,
  wanted: Result,
  { relative = 0, absolute = 0, signedZeros = false }: Trials,
  what: string,
): void {
  assert.deepEqual([actual.shape, actual.dtype], [wanted.shape, wanted.dtype], what);
  assert.equal(actual.values.length, wanted.values.length, what);
  for (let i = 0; i < wanted.values.length; i++) {
    const [x, y] = [actual.values[i]!, wanted.values[i]!];
    const isSame = Object.is(x, y) || (x === y && !signedZeros);
    const areFinite = Number.isFinite(x) && Number.isFinite(y);
    if (isSame || (areFinite && Math.abs(x - y) <= absolute + relative * Math.abs(y))) continue;
    assert.fail(`${what} [${i}] of [${wanted.shape}]: expected ${y}, got ${x}`);
  }
}

/** By the name of tfjs's kernel. */
const trials: Record<string, Trials> = { ...elementwiseTrials, ...reductionTrials, ...movementTrials };
const cases = fc.sample(drawn, { seed: 1, numRuns: CASES });
const wanted = new Map<string, Result[][]>();

describe('kernels on native', { skip: typeof native === 'string' && `skipped: ${native}` }, () => {
  /** The fat operations of src/nn and src/models are tried in kernels.test.ts against their portable forms. */
  const triedElsewhere = fat.map(({ name }) => name).filter((name) => name !== 'BatchMatMul');

  before(async () => {
    await startEngine('cpu');
    for (const [name, { compute, wanted: plain }] of Object.entries(trials)) {
      wanted.set(
        name,
        cases.map((given) => evaluate(plain ?? compute, given)),
      );
    }
  });

  test('each is tried', () => {
    assert.deepEqual([...Object.keys(trials), ...triedElsewhere].sort(), [...kernels.keys()].sort());
    assert.ok(cases.length * wanted.size >= 10_000);
  });

  // A build with sanitizers has more: the sizes of sets that the machine may lack.
  const titles = new Set([...instructionSets.map(({ title }) => title), ...sets.map(({ name }) => name)]);
  for (const title of titles) {
    const set = sets.find(({ name }) => name === title);
    describe(title, { skip: !set && `skipped: this processor lacks ${title}` }, () => {
      const called = new Set<string>();
      before(async () => {
        await startNative(undefined, (sets) => sets.find(({ name }) => name === title));
        const backend = tf.backend() as NativeBackend;
        const kernel = backend.kernel.bind(backend);
        backend.kernel = (name) => {
          called.add(name);
          return kernel(name);
        };
      });

      for (const [name, how] of Object.entries(trials)) {
        test(`${name} equals tfjs's in plain JavaScript`, () => {
          for (const [i, given] of cases.entries()) {
            const results = evaluate(how.compute, given);
            assert.equal(results.length, wanted.get(name)![i]!.length);
            for (const [part, result] of results.entries()) {
              const what = `${name} of ${JSON.stringify(given)}, part ${part}`;
              assertNear(result, wanted.get(name)![i]![part]!, how, what);
            }
          }
          assert.equal(tf.memory().numTensors, 0, 'tensors leaked');
          assert.equal(tf.backend().numDataIds(), 0, 'memory leaked');
        });
      }

      for (const [distribution, fill] of noises) {
        test(`${distribution} noise has the bits of JavaScript's`, () => {
          const ofEngine = noiseFiller(tf.backend() as NativeBackend);
          let blocksLeft = 0;
          const drawn = (lengths: readonly number[], filler: NoiseFiller | null) => {
            fillNoiseBy(filler);
            const stream = RandomStream.named(1, distribution);
            const numbers = lengths.map((length) => fill(stream, new Float32Array(length)));
            return { numbers, state: stream.state() };
          };
          const counting: NoiseFiller = (distribution, state, numbers) => {
            const count = ofEngine(distribution, state, numbers);
            if (numbers.length - count >= 64) blocksLeft++;
            return count;
          };
          // Short and long, odd and even; together so many that a block is left to JavaScript.
          const lengths = [1, 63, 64, 65, 129, 1_000_001];
          assert.deepEqual(drawn(lengths, counting), drawn(lengths, null));
          assert.equal(blocksLeft > 0, distribution !== 'uniform');
        });
      }

      test('for every type that there is', () => {
        const { addon } = tf.backend() as NativeBackend;
        const untried = addon
          .use(set!.index)
          .filter((name) => !called.has(name) && !triedElsewhere.includes(name));
        assert.deepEqual(untried, []);
      });
    });
  }

  describe('by hand', () => {
    before(() => startNative());

    test('reductions of nothing', () => {
      tf.tidy(() => {
        const nothing = tf.zeros([2, 0]);
        const reductions = [tf.sum, tf.prod, tf.max, tf.min, tf.mean];
        for (const [i, wanted] of [0, 1, -Infinity, Infinity, Number.NaN].entries()) {
          assert.deepEqual([...reductions[i]!(nothing, 1).dataSync()], [wanted, wanted]);
        }
        assert.deepEqual([...tf.all(tf.cast(nothing, 'bool'), 1).dataSync()], [1, 1]);
        assert.deepEqual([...tf.any(tf.cast(nothing, 'bool'), 1).dataSync()], [0, 0]);
      });
    });

    test('powers of what is not a number, by IEEE 754 rather than JavaScript', () => {
      tf.tidy(() => {
        const powers = tf.pow([1, -1, 2, Number.NaN], [Number.NaN, Infinity, Number.NaN, 0]);
        assert.deepEqual([...powers.dataSync()], [1, 1, Number.NaN, 1]);
      });
    });

    test('the largest numbers in descending order, what is not a number before them', () => {
      tf.tidy(() => {
        const { values, indices } = tf.topk(tf.tensor1d([1, Number.NaN, 3, -Infinity, Number.NaN, 3]), 5);
        assert.deepEqual([...values.dataSync()], [Number.NaN, Number.NaN, 3, 3, 1]);
        assert.deepEqual([...indices.dataSync()], [1, 4, 2, 5, 0]);
      });
    });

    test('integers that begin beyond int32 wrap around, as those of JavaScript do', () => {
      tf.tidy(() => {
        const values = [2 ** 31, -(2 ** 31) - 1, 5e9, 2 ** 40 + 3, -1.5, Number.NaN, Infinity];
        const wanted = values.map((x) => x | 0);
        const filled = values.map((x) => tf.fill([2], x, 'int32').dataSync()[1]!);
        const padded = values.map((x) => tf.pad(tf.zeros([1], 'int32'), [[1, 0]], x).dataSync()[0]!);
        assert.deepEqual([filled, padded], [wanted, wanted]);
      });
    });

    test('as many axes as TensorFlow.js has, each repeated', () => {
      tf.tidy(() => {
        const x = tf.tile(tf.reshape(tf.range(0, 64), [2, 2, 2, 2, 2, 2]), [2, 2, 2, 2, 2, 2]);
        const values = x.dataSync();
        // Every index by its six digits of base 4, of which the lowest bit counts.
        for (const [i, value] of values.entries()) {
          const wanted = [5, 4, 3, 2, 1, 0].reduce((sum, axis) => 2 * sum + ((i >> (2 * axis)) & 1), 0);
          assert.equal(value, wanted);
        }
      });
    });
  });

  describe('what is not possible is one sentence, and everything still works', () => {
    const assertFails = (f: () => void, error: RegExp) => {
      const before = [tf.memory().numTensors, tf.backend().numDataIds()];
      assert.throws(() => scope(f), error);
      assert.deepEqual([tf.memory().numTensors, tf.backend().numDataIds()], before, 'memory leaked');
      tf.tidy(() => assert.deepEqual([...tf.add([1, 2], [3, 4]).dataSync()], [4, 6]));
    };
    before(() => startNative());

    const cases: [string, () => void, RegExp][] = [
      ['an operation without a kernel', () => tf.erf([1]), /^Error: [^\n]*'?Erf'?[^\n]*native[^\n]*$/],
      [
        'a kernel without that type',
        () => tf.square(tf.tensor1d([1], 'int32')),
        /Square\.int32; choose another/,
      ],
      [
        'a fat one',
        () => ownKernel('GlobalNorm')!({ x: tf.zeros([1, 1], 'int32') }),
        /GlobalNorm\.int32; choose/,
      ],
      [
        'two types at once',
        () => tf.concat([tf.zeros([1]), tf.zeros([1], 'int32')]),
        /float32 and int32|dtype/,
      ],
      ['tensors of text', () => tf.tensor1d(['a']), /^Error: engine native has no tensors of string$/],
      ['an index beyond the end', () => tf.gather([1, 2], [0, 2]), /gather: an index is not in \[0, 2\)/],
      [
        'more than the memory',
        () => tf.fill([2 ** 42], 1),
        /^RangeError: allocation failed: 17592186044416 bytes/,
      ],
    ];
    for (const [name, f, error] of cases) test(name, () => assertFails(f, error));

    test('an index beyond the end, in a program', () => {
      const compiled = new Compiled(({ at }: { at: tf.Tensor }) => ({
        y: tf.gather([1, 2], tf.cast(at, 'int32')),
      }));
      const at = tf.tensor1d([1, 0]);
      tf.tidy(() => assert.deepEqual([...compiled.run({ at }).y.dataSync()], [2, 1]));
      assertFails(() => compiled.run({ at: tf.tensor1d([1, -1]) }), /gather: an index is not in \[0, 2\)/);
      tf.tidy(() => assert.deepEqual([...compiled.run({ at }).y.dataSync()], [2, 1]));
      compiled.dispose();
      at.dispose();
    });
  });

  test('WM_INSTRUCTIONS names the instruction set', () => {
    const before = process.env.WM_INSTRUCTIONS;
    const deviceWith = (name: string) => {
      process.env.WM_INSTRUCTIONS = name;
      return describeNative().device;
    };
    try {
      // What the sanitizer's build emulates has no word of its own.
      for (const { name } of sets.filter(({ name }) => !name.startsWith('shapes of'))) {
        assert.equal(deviceWith(name.split(' ')[0]!.toLowerCase()), `processor, ${name}, 1 thread`);
      }
      assert.throws(() => deviceWith('mmx'), {
        name: 'UserError',
        message: /^WM_INSTRUCTIONS: expected .*which engine native can use on this processor, got "mmx"$/,
      });
      assert.equal(deviceWith(''), `processor, ${sets[0]!.name}, 1 thread`);
    } finally {
      if (before === undefined) delete process.env.WM_INSTRUCTIONS;
      else process.env.WM_INSTRUCTIONS = before;
    }
  });
});
