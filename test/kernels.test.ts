import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { fat } from '../src/engine/native/kernels.ts';
import { startNative } from '../src/engine/native.ts';
import { observeKernels } from '../src/engine/observe-kernels.ts';
import { scope } from '../src/engine/scope.ts';
import type { Build } from '../src/engine/wasm/heap.ts';
import { registerKernels } from '../src/engine/wasm/kernels.ts';
import { fusesMultiplyAdd } from '../src/engine/wasm/relaxed-simd.ts';
import { policyHead } from '../src/models/policy-head.ts';
import { rollOut } from '../src/models/roll-out.ts';
import { vaeShape } from '../src/models/vae/vae.ts';
import { actorSpecs } from '../src/models/vae-lstm/actor.ts';
import { dynamicsSpecs } from '../src/models/vae-lstm/dynamics.ts';
import { vaeLstmModel } from '../src/models/vae-lstm/model.ts';
import type { Behaviour } from '../src/models/world-model.ts';
import { adam, biasCorrection, globalNorm, zeroMoments } from '../src/nn/adam.ts';
import { attentionMask } from '../src/nn/attention-mask.ts';
import { categoricalKl, mixedLogProbabilities, sampleCategorical } from '../src/nn/categorical.ts';
import {
  convolution,
  dividing,
  patchSize,
  THREE_BY_THREE,
  transposedConvolution,
} from '../src/nn/convolution.ts';
import { gruStep } from '../src/nn/gru.ts';
import { zeros } from '../src/nn/initialisers.ts';
import { adaptiveClip, laprop } from '../src/nn/laprop.ts';
import { normaliseLatent } from '../src/nn/latent-norm.ts';
import { type LayerNormActivation, layerNormDense } from '../src/nn/layer-norm-dense.ts';
import { type Activation, dense } from '../src/nn/linear.ts';
import { lstmSequence } from '../src/nn/lstm.ts';
import { multiHeadAttention } from '../src/nn/multi-head-attention.ts';
import { blockLinear, type NormActivation, normDense } from '../src/nn/norm-dense.ts';
import { ParameterLayout, Parameters } from '../src/nn/parameters.ts';
import { rmsNorm } from '../src/nn/rms-norm.ts';
import { swiGlu } from '../src/nn/swiglu.ts';
import { twoHotBins, twoHotLoss, twoHotMean } from '../src/nn/two-hot.ts';
import { inverseTransformed } from '../src/nn/value-transform.ts';
import { meanSquaredError } from '../src/training/reduce.ts';
import { lambdaReturn } from '../src/training/returns.ts';
import { testCompiledFunctions } from './support/compiled-functions.ts';
import { nativeSetsHere } from './support/native-here.ts';
import { assertClose, normals, upload, type Values } from './support/tensors.ts';

/** An engine with kernels of our own, in one of the builds that this machine can run. */
interface Variant {
  title: string;
  start: () => Promise<void>;
}

const wasmVariants: Variant[] = (fusesMultiplyAdd() ? ['plain', 'relaxed'] : ['plain']).map((build) => ({
  title: `wasm ${build}`,
  start: async () => {
    await startEngine('wasm');
    registerKernels(build as Build);
  },
}));
/** The kernels that have been called on native. */
const tried = new Set<string>();
const nativeSets = nativeSetsHere();
const nativeVariants: Variant[] = nativeSets.map(({ index, name }) => ({
  title: `native ${name}`,
  start: async () => {
    await startNative(undefined, (sets) => sets.find((set) => set.index === index));
    observeKernels(({ name }) => tried.add(name));
  },
}));
const variants = [...wasmVariants, ...nativeVariants];
const small = fc.integer({ min: 1, max: 9 });
const seed = fc.integer({ min: 0, max: 1_000_000 });

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
  for (const { title, start } of variants) {
    await start();
    for (const [i, given] of cases.entries()) {
      const actual = evaluate(() => compute(given));
      assert.equal(actual.length, wanted[i]!.length);
      for (const [part, result] of actual.entries()) {
        const what = `${title} ${JSON.stringify(given)} part ${part}`;
        const { shape, data } = wanted[i]![part]!;
        assert.deepEqual(result.shape, shape, what);
        assertClose(result.data, data, limit, what);
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
          tf.concat([x, tf.square(x), x], axis),
          tf.concat([integers, integers], axis - shape.length),
          tf.stack([x, tf.square(x)], axis),
          tf.stack([x], axis),
          ...[x, integers].map((y) =>
            tf.tile(
              y,
              shape
                .with(axis, count)
                .fill(1, axis + 1)
                .fill(1, 0, axis),
            ),
          ),
          tf.tile(
            x,
            shape.map(() => 2),
          ),
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

  test('what does not fit is refused, and nothing is left of it', async () => {
    const refused: Record<string, [() => tf.Tensor | tf.Tensor[], RegExp]> = {
      'a product of int32': [
        () => tf.matMul(tf.ones([2, 2], 'int32'), tf.ones([2, 2], 'int32')),
        /float32|BatchMatMul\.int32/,
      ],
      'a product of what does not meet': [
        () => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3])),
        /matMul: a depth of 3 does not meet one of 2/,
      ],
      'types side by side': [
        () => tf.concat([tf.ones([2]), tf.ones([2], 'int32')]),
        /float32 and int32 at once/,
      ],
      'types on one another': [
        () => tf.stack([tf.ones([2]), tf.ones([2], 'int32')]),
        /float32 and int32 at once/,
      ],
      'shapes side by side': [
        () => tf.concat([tf.ones([2, 3]), tf.ones([4, 3])], 1),
        /\(4,3\) does not match/,
      ],
      'a part that ends beyond the end': [() => tf.slice(tf.ones([4]), [2], [3]), /begin\[0\] \+ size\[0\]/],
      'a part that begins there': [
        () => tf.slice(tf.ones([2, 4]), [0, 9], [2, 2]),
        /begin\[1\] \+ size\[1\]/,
      ],
    };
    for (const { title, start } of variants) {
      await start();
      for (const [what, [compute, message]] of Object.entries(refused)) {
        const before = [tf.memory().numTensors, tf.backend().numDataIds()];
        assert.throws(() => scope(compute), message, `${what} on ${title}`);
        assert.deepEqual([tf.memory().numTensors, tf.backend().numDataIds()], before, `${what} on ${title}`);
      }
    }
  });

  test('a tensor repeated no times is empty', async () => {
    for (const { title, start } of variants) {
      await start();
      const results = evaluate(() => [tf.tile(tf.ones([2, 3]), [1, 0]), tf.tile(tf.ones([2, 3]), [0, 2])]);
      assert.deepEqual(
        results.map(({ shape, data }) => [shape, data.length]),
        [
          [[2, 0], 0],
          [[0, 6], 0],
        ],
        title,
      );
    }
  });

  test('exp near 0, at large and small numbers, beyond float32 and of NaN', async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const whole = Array.from({ length: 349 }, (_, i) => i / 2 - 87);
    const nearZero = Array.from({ length: 41 }, (_, i) => (i - 20) * 1e-3);
    const x = Float32Array.of(
      ...whole,
      ...nearZero,
      0,
      1e-30,
      -1e-30,
      88.2,
      89,
      1e4,
      infinity,
      -1e4,
      -infinity,
      nan,
    );
    for (const { title, start } of variants) {
      await start();
      // Every count of numbers left over after the last four.
      for (const count of [x.length, x.length - 1, x.length - 2, x.length - 3]) {
        const given = x.subarray(x.length - count);
        const y = tf.tidy(() => tf.exp(tf.tensor1d(given)).dataSync());
        for (const [i, value] of given.entries()) {
          const wanted = Math.fround(Math.exp(value));
          const error = Math.abs(y[i]! - wanted) / wanted;
          const right = Object.is(y[i], wanted) || error <= 2e-7;
          assert.equal(right, true, `${title} exp(${value}): expected ${wanted}, got ${y[i]}`);
        }
      }
    }
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
    for (const { start } of variants) {
      await start();
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

/** Outputs, then the gradients of the sum of their products with cotangents by every operand. */
function forwardAndGradients(
  f: (...operands: tf.Tensor[]) => tf.Tensor[],
  operands: readonly Values[],
  seed: number,
): tf.Tensor[] {
  const inputs = operands.map(upload);
  const outputs = f(...inputs);
  const cotangents = outputs.map(({ shape }, i) => normals(seed, `cotangent ${i}`, shape));
  const loss = (...inputs: tf.Tensor[]): tf.Scalar =>
    tf.addN(f(...inputs).map((y, i) => tf.sum(tf.mul(y, upload(cotangents[i]!))))) as tf.Scalar;
  return [...outputs, ...tf.valueAndGrads(loss)(inputs).grads];
}

/** What layers are differentiated by: the rest is constant, and its gradient need not be computed. */
const differentiatedBy = fc.constantFrom('all', 'x', 'parameters');

/** The same of layers. */
function forwardAndGradientsBy(
  by: string,
  f: (x: tf.Tensor, parameters: tf.Tensor[]) => tf.Tensor[],
  x: Values,
  parameters: readonly Values[],
  seed: number,
): tf.Tensor[] {
  if (by === 'x') return forwardAndGradients((x) => f(x!, parameters.map(upload)), [x], seed);
  if (by === 'parameters') return forwardAndGradients((...rest) => f(upload(x), rest), parameters, seed);
  return forwardAndGradients((x, ...rest) => f(x!, rest), [x, ...parameters], seed);
}

describe('fat operations on our kernels equal their portable forms, gradients included', () => {
  const members = fc.integer({ min: 1, max: 3 });
  const extent = fc.oneof(small, fc.integer({ min: 10, max: 40 }));

  test('dense', async () => {
    const arbitrary = fc.record({
      members,
      rows: extent,
      widths: fc.array(extent, { minLength: 2, maxLength: 4 }),
      by: differentiatedBy,
      activation: fc.constantFrom<Activation>('relu', 'tanh'),
      seed,
    });
    await assertEqualsPortable(
      sample(arbitrary, 40),
      ({ members, rows, widths, by, activation, seed }) => {
        const layers = widths
          .slice(1)
          .flatMap((width, i) => [
            normals(seed, `weight ${i}`, [members, widths[i]!, width]),
            normals(seed, `bias ${i}`, [members, width]),
          ]);
        const x = normals(seed, 'x', [members, rows, widths[0]!]);
        const layersOf = (tensors: tf.Tensor[]) =>
          widths.slice(1).map((_, i) => ({ weight: tensors[2 * i]!, bias: tensors[2 * i + 1]! }));
        const f = (x: tf.Tensor, rest: tf.Tensor[]) => [
          dense(x, layersOf(rest), by !== 'parameters', activation),
        ];
        return forwardAndGradientsBy(by, f, x, layers, seed);
      },
      2e-4,
    );
  });

  test('what saturates comes to 1, and what is closed lets nothing through, to the last bit but one', async () => {
    const far = [20, -20, Infinity, -Infinity];
    const near = (actual: ArrayLike<number>, wanted: number[], limit: number, what: string) => {
      for (const [i, x] of wanted.entries()) {
        assert.ok(Math.abs(actual[i]! - x) <= limit, `${what} [${i}]: expected ${x}, got ${actual[i]}`);
      }
    };
    for (const { title, start } of variants) {
      await start();
      tf.tidy(() => {
        const [one, zero] = [tf.ones([1, 1, 1]), tf.zeros([1, 1])];
        const layers = [1, 2].map(() => ({ weight: one, bias: zero }));
        // Hidden units in every lane of a vector and in what is left of one.
        const x = tf.reshape(tf.tile(tf.tensor1d(far), [9]), [1, 36, 1]);
        const signs = Array.from({ length: 36 }, (_, i) => Math.sign(far[i % 4]!));
        near(dense(x, layers, true, 'tanh').dataSync(), signs, 2 ** -24, `dense on ${title}`);
        near(tf.tanh(x).dataSync(), signs, 2 ** -24, `tanh on ${title}`);
        const gates = tf.tensor4d([-Infinity, -Infinity, Infinity, Infinity], [1, 1, 1, 4]);
        const { cell } = lstmSequence(gates, tf.zeros([1, 1, 4]), tf.ones([1, 1, 1]));
        near(cell.dataSync(), [0], 2 ** -24, `lstmSequence on ${title}`);
      });
    }
  });

  test('lstmSequence', async () => {
    const arbitrary = fc.record({ members, batch: small, steps: small, units: extent, seed });
    await assertEqualsPortable(
      sample(arbitrary, 20),
      ({ members, batch, steps, units, seed }) => {
        const inputs = normals(seed, 'inputs', [members, batch, steps, 4 * units]);
        const weight = normals(seed, 'weight', [members, units, 4 * units]);
        const noise = normals(seed, 'keep', [members, batch, steps]);
        const keep = { ...noise, data: noise.data.map((x) => Number(x > -1)) };
        return forwardAndGradients(
          (inputs, weight) => {
            const scaled = tf.mul(weight!, 0.3) as tf.Tensor3D;
            const { hidden, cell } = lstmSequence(inputs as tf.Tensor4D, scaled, upload(keep) as tf.Tensor3D);
            return [hidden, cell];
          },
          [inputs, weight],
          seed,
        );
      },
      2e-4,
    );
  });

  test('rollOut, by an actor and with given actions', async () => {
    const arbitrary = fc.record({
      members,
      starts: extent,
      horizon: small,
      latent: extent,
      actions: fc.integer({ min: 2, max: 5 }),
      units: extent,
      hidden: fc.array(extent, { maxLength: 2 }),
      isGiven: fc.boolean(),
      seed,
    });
    await assertEqualsPortable(
      sample(arbitrary, 30),
      ({ members, starts, horizon, latent, actions, units, hidden, isGiven, seed }) => {
        const parameters = (layout: ParameterLayout, name: string) =>
          layout.unpack(tf.mul(upload(normals(seed, name, [members, layout.size])), 0.3) as tf.Tensor2D);
        const head = policyHead({ kind: 'discrete', n: actions });
        const model = parameters(new ParameterLayout(dynamicsSpecs(latent, actions, units)), 'model');
        const actor = parameters(new ParameterLayout(actorSpecs(latent, hidden, head.outputs)), 'actor');
        const start = (name: string, width: number) =>
          upload(normals(seed, name, [members, starts, width])) as tf.Tensor3D;
        const path = upload(normals(seed, 'path', [members, starts, horizon, actions])) as tf.Tensor4D;
        const behaviour: Behaviour = isGiven
          ? { actions: path }
          : { head, noise: tf.mul(path, 100) as tf.Tensor4D };
        const from = {
          latent: start('latent', latent),
          hidden: start('hidden', units),
          cell: start('cell', units),
        };
        const vae = vaeShape({ hidden: [], latent }, { observation: 1 });
        const shape = { vae, units, continueLayers: undefined, criticLayers: undefined };
        const whole = vaeLstmModel(model, { ...shape, actorLayers: hidden.length, valueScale: 1 }, actor);
        return Object.values(rollOut(whole, from, behaviour));
      },
      2e-4,
    );
  });

  test('normDense, one layer after the other, and blockLinear', async () => {
    const layer = fc.record({ blocks: fc.integer({ min: 1, max: 3 }), norm: fc.boolean() });
    const arbitrary = fc.record({
      members,
      // Beyond what goes through a layer at once.
      rows: fc.oneof(extent, fc.integer({ min: 120, max: 270 })),
      inputs: small,
      columns: small,
      layers: fc.array(layer, { minLength: 1, maxLength: 2 }),
      activation: fc.constantFrom<NormActivation | undefined>('silu', 'elu', undefined),
      by: differentiatedBy,
      seed,
    });
    await assertEqualsPortable(
      sample(arbitrary, 40),
      ({ members, rows, inputs, columns, layers, activation, by, seed }) => {
        // As many as any of the blocks divides.
        const widths = [6 * inputs, ...layers.map(() => 6 * columns)];
        const x = normals(seed, 'x', [members, rows, widths[0]!]);
        const parameters = layers.map(({ blocks, norm }, i) => {
          const [depth, outputs] = [widths[i]! / blocks, widths[i + 1]! / blocks];
          const weight = [members, ...(blocks > 1 ? [blocks] : []), depth, outputs];
          const ofOutputs = ['bias', ...(norm && activation ? ['scale'] : [])];
          return [
            normals(seed, `weight ${i}`, weight),
            ...ofOutputs.map((name) => normals(seed, `${name} ${i}`, [members, widths[i + 1]!])),
          ];
        });
        const f = (x: tf.Tensor, flat: tf.Tensor[]): tf.Tensor[] => {
          const layers = parameters.map((of) => {
            const [weight, bias, scale] = flat.splice(0, of.length);
            return { weight: tf.mul(weight!, 0.3), bias: bias!, scale };
          });
          if (activation) return [normDense(x, layers, activation, by !== 'parameters')];
          const blocked = layers.map(({ weight, bias }) =>
            weight.rank === 4 ? { weight, bias } : { weight: tf.expandDims(weight, 1), bias },
          );
          return [blocked.reduce((x, { weight, bias }) => blockLinear(x, weight, bias), x)];
        };
        return forwardAndGradientsBy(by, f, x, parameters.flat(), seed);
      },
      2e-4,
    );
  });

  test('layerNormDense', async () => {
    const arbitrary = fc.record({
      members,
      // Beyond what goes through a layer at once.
      rows: fc.oneof(extent, fc.integer({ min: 120, max: 270 })),
      inputs: small,
      columns: extent,
      activation: fc.constantFrom<LayerNormActivation>('mish', 'tanh', 'none'),
      by: differentiatedBy,
      seed,
    });
    await assertEqualsPortable(
      sample(arbitrary, 40),
      ({ members, rows, inputs, columns, activation, by, seed }) => {
        const ofOutputs = ['bias', 'gain', 'shift'];
        const f = (x: tf.Tensor, own: tf.Tensor[]): tf.Tensor[] => {
          const named = ['weight', ...ofOutputs].map((name, i) => [`l.${name}`, own[i]!] as const);
          return [layerNormDense(new Parameters(new Map(named)), 'l', x, activation, by !== 'parameters')];
        };
        const parameters = [
          normals(seed, 'weight', [members, inputs, columns]),
          ...ofOutputs.map((name) => normals(seed, name, [members, columns])),
        ];
        return forwardAndGradientsBy(by, f, normals(seed, 'x', [members, rows, inputs]), parameters, seed);
      },
      2e-4,
    );
  });

  test('convolution, transposedConvolution', async () => {
    const kernels = fc.constantFrom(THREE_BY_THREE, dividing(2), dividing(4));
    const sides = fc.integer({ min: 1, max: 3 });
    const arbitrary = fc.record({
      ...{ members, batch: small, kernel: kernels, down: sides, across: sides },
      ...{ inputs: fc.integer({ min: 1, max: 5 }), outputs: extent, seed },
    });
    await assertEqualsPortable(
      sample(arbitrary, 20),
      ({ members, batch, kernel, down, across, inputs, outputs, seed }) => {
        const cells = (count: number) => (count - 1) * kernel.stride + kernel.size - 2 * kernel.padding;
        const image = normals(seed, 'image', [members, batch, cells(down), cells(across), inputs]);
        const there = [
          normals(seed, 'weight', [members, patchSize(kernel, inputs), outputs]),
          normals(seed, 'bias', [members, outputs]),
        ];
        const planes = normals(seed, 'planes', [members, batch, down, across, outputs]);
        const back = [
          normals(seed, 'back', [members, outputs, patchSize(kernel, inputs)]),
          normals(seed, 'shift', [members, inputs]),
        ];
        const f = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
          convolution(x, { weight, bias }, kernel, 'relu');
        const g = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
          transposedConvolution(x, { weight, bias }, kernel);
        return [
          ...forwardAndGradients((...x) => [f(x[0]!, x[1]!, x[2]!)], [image, ...there], seed),
          ...forwardAndGradients((...x) => [g(x[0]!, x[1]!, x[2]!)], [planes, ...back], seed),
        ];
      },
      1e-4,
    );
  });

  test('gruStep', async () => {
    const blocks = fc.integer({ min: 1, max: 3 });
    const arbitrary = fc.record({ members, batch: small, blocks, units: extent, seed });
    await assertEqualsPortable(
      sample(arbitrary, 20),
      ({ members, batch, blocks, units, seed }) =>
        forwardAndGradients(
          (gates, hidden) => [gruStep(gates!, hidden!, blocks)],
          [
            normals(seed, 'gates', [members, batch, 3 * blocks * units]),
            normals(seed, 'hidden', [members, batch, blocks * units]),
          ],
          seed,
        ),
      1e-5,
    );
  });

  test('categorical distributions', async () => {
    const mix = fc.constantFrom(0, 0.01, 0.5);
    const classes = fc.integer({ min: 2, max: 40 });
    const arbitrary = fc.record({ members, batch: small, variables: small, classes, mix, seed });
    await assertEqualsPortable(
      sample(arbitrary, 30),
      ({ members, batch, variables, classes, mix, seed }) => {
        const shape = [members, batch, variables, classes];
        const { data } = normals(seed, 'uniform', shape.slice(0, 3));
        const uniform = { shape: shape.slice(0, 3), data: data.map((x) => Math.abs(x) % 1) };
        return forwardAndGradients(
          (p, q) => {
            const [logP, logQ] = [p!, q!].map((x) => mixedLogProbabilities(tf.mul(x, 3), mix)) as [
              tf.Tensor,
              tf.Tensor,
            ];
            return [
              logP,
              categoricalKl(logP, logQ),
              sampleCategorical(logP, upload(uniform)),
              sampleCategorical(logQ, undefined),
            ];
          },
          [normals(seed, 'p', shape), normals(seed, 'q', shape)],
          seed,
        );
      },
      2e-4,
    );
  });

  test('two-hot encoded numbers', async () => {
    const bins = fc.integer({ min: 1, max: 40 }).map((middle) => twoHotBins(2 * middle + 1, 3));
    const arbitrary = fc.record({ members, batch: small, bins, seed });
    await assertEqualsPortable(
      sample(arbitrary, 30),
      ({ members, batch, bins, seed }) => {
        // Some beyond the ends, some bins themselves.
        const { data } = normals(seed, 'target', [members, batch]);
        const target = data.map((x, i) => (i % 3 === 0 ? bins[i % bins.length]! : 12 * x));
        return forwardAndGradients(
          (x) => [twoHotLoss(x!, tf.tensor2d(target, [members, batch]), bins), twoHotMean(x!, bins)],
          [normals(seed, 'logits', [members, batch, bins.length])],
          seed,
        );
      },
      5e-5,
    );
  });

  test('multiHeadAttention with masks, caps, positions, memories and keys that are not there', async () => {
    const arbitrary = fc.record({
      // Rows beyond what a vector holds, and heads.
      ...{ members, batch: extent, tokens: small, kvHeads: fc.integer({ min: 1, max: 2 }) },
      ...{ group: fc.integer({ min: 1, max: 3 }), pairs: fc.integer({ min: 1, max: 20 }) },
      past: fc.oneof(fc.constant(0), small),
      cap: fc.constantFrom(undefined, 1.5, 50),
      ...{ isPlaced: fc.boolean(), isSeenInPart: fc.boolean(), seed },
    });
    const oneQuery = { tokens: 1, kvHeads: 1, group: 2, pairs: 8, past: 5, cap: 50 };
    await assertEqualsPortable(
      [
        ...sample(arbitrary, 15),
        { ...{ members: 2, batch: 3, ...oneQuery }, ...{ isPlaced: true, isSeenInPart: true, seed: 1 } },
      ],
      ({ members, batch, tokens, kvHeads, group, pairs, past, cap, isPlaced, isSeenInPart, seed }) => {
        const [heads, head, keys] = [group * kvHeads, 2 * pairs, past + tokens];
        const of = (name: string, ...shape: number[]) => normals(seed, name, [members, ...shape]);
        const remembered = (name: string) => upload(of(name, batch, kvHeads, past, head));
        const noise = of('seen', batch, keys);
        // A query sees itself, whatever else it may.
        const isThere = noise.data.map((x, i) => Number(x > -0.5 || i % keys >= past));
        const mask = attentionMask(
          tokens,
          keys,
          (query, key) => key === past + query || (query + key) % 3 > 0,
        );
        const attends = {
          mask,
          ...(cap && { cap }),
          ...(isPlaced && { positions: { of: Array.from({ length: keys }, (_, i) => i), base: 10 } }),
          ...(past > 0 && { past: { keys: remembered('past keys'), values: remembered('past values') } }),
          ...(isSeenInPart && { seen: upload({ ...noise, data: isThere }) }),
        };
        const shape = { heads, kvHeads, head };
        return forwardAndGradients(
          (queries, keys, values, queryGain, keyGain) => {
            const inputs = { queries, keys, values, queryGain, keyGain } as Record<
              'queries' | 'keys' | 'values' | 'queryGain' | 'keyGain',
              tf.Tensor
            >;
            return [multiHeadAttention(inputs, shape, attends).y];
          },
          [
            of('queries', batch, tokens, heads * head),
            ...['keys', 'values'].map((name) => of(name, batch, tokens, kvHeads * head)),
            ...['query gain', 'key gain'].map((name) => of(name, head)),
          ],
          seed,
        );
      },
      2e-4,
    );
  });

  test('rmsNorm and swiGlu', async () => {
    // Beyond what is normalised at once.
    const rows = fc.oneof(extent, fc.integer({ min: 120, max: 270 }));
    await assertEqualsPortable(
      sample(fc.record({ members, rows, size: extent, seed }), 30),
      ({ members, rows, size, seed }) => {
        const [x, up] = ['x', 'up'].map((name) => normals(seed, name, [members, rows, size])) as [
          Values,
          Values,
        ];
        const gain = normals(seed, 'gain', [members, size]);
        return [
          ...forwardAndGradients((x, gain) => [rmsNorm(x!, gain!)], [x, gain], seed),
          ...forwardAndGradients((gate, up) => [swiGlu(gate!, up!)], [x, up], seed),
        ];
      },
      5e-5,
    );
  });

  test('adaptiveClip and laprop', async () => {
    const sizes = fc.array(fc.oneof(small, fc.integer({ min: 30, max: 70 })), {
      minLength: 1,
      maxLength: 4,
    });
    const arbitrary = fc.record({ members, sizes, scale: fc.constantFrom(1e-20, 1e-3, 1, 100), seed });
    await assertEqualsPortable(
      sample(arbitrary, 30),
      ({ members, sizes, scale, seed }) => {
        const specs = sizes.map((size, i) => ({ name: `${i}`, shape: [size], initialise: zeros }));
        const layout = new ParameterLayout(specs);
        const flat = (name: string) => upload(normals(seed, name, [members, layout.size])) as tf.Tensor2D;
        // One parameter of nothing.
        const parameters = layout.join(
          layout.split(flat('parameters')).map((x, i) => (i === 1 ? tf.zerosLike(x) : x)),
        );
        const clipped = adaptiveClip(layout, parameters, tf.mul(flat('gradient'), scale), 0.3);
        const rate = tf.fill([members, 1], 0.01) as tf.Tensor2D;
        const first = laprop(parameters, clipped, zeroMoments(members, layout.size), biasCorrection(1), rate);
        const again = tf.mul(clipped, flat('again')) as tf.Tensor2D;
        const second = laprop(first.parameters, again, first.moments, biasCorrection(2), rate);
        return [clipped, first.parameters, second.parameters, second.moments.mean, second.moments.square];
      },
      2e-5,
    );
  });

  test('standardised latents and the inverse value transform', async () => {
    const arbitrary = fc.record({ members, rows: extent, size: fc.integer({ min: 2, max: 40 }), seed });
    await assertEqualsPortable(
      sample(arbitrary, 30),
      ({ members, rows, size, seed }) => {
        const x = normals(seed, 'x', [members, rows, size]);
        const standardised = forwardAndGradients((y) => [normaliseLatent(y!, 'layer')], [x], seed);
        return [...standardised, inverseTransformed(tf.mul(upload(x), 9))];
      },
      1e-5,
    );
  });

  test('meanSquaredError, lambdaReturn, globalNorm and adam', async () => {
    const shape = fc.array(extent, { minLength: 2, maxLength: 2 });
    const arbitrary = fc.record({ members, shape, weighted: fc.boolean(), seed });
    await assertEqualsPortable(
      sample(arbitrary, 30),
      ({ members, shape, weighted, seed }) => {
        const whole = [members, ...shape];
        const x = (name: string) => upload(normals(seed, name, whole)) as tf.Tensor3D;
        const flat = (name: string): tf.Tensor2D => tf.reshape(x(name), [members, -1]);
        const error = forwardAndGradients(
          (a) => [meanSquaredError(a!, x('y'), weighted ? x('weight') : 3)],
          [normals(seed, 'x', whole)],
          seed,
        );
        const norm = globalNorm(flat('gradient'));
        const moments = { mean: flat('mean'), square: tf.square(flat('square')) };
        const rate = tf.abs(tf.slice(flat('rate'), [0, 0], [members, 1])) as tf.Tensor2D;
        const step = adam(flat('parameters'), flat('gradient'), norm, moments, biasCorrection(3), rate, 2);
        return [
          ...error,
          lambdaReturn(x('reward'), tf.sigmoid(x('discount')), x('value'), 0.9),
          norm,
          step.parameters,
          step.moments.mean,
          step.moments.square,
        ];
      },
      2e-5,
    );
  });
});

test('every fat kernel of native is among them', {
  skip: nativeSets.length === 0 && 'skipped: engine native is not built',
}, () => {
  const untried = fat.filter(({ name }) => !tried.has(name));
  assert.deepEqual(
    untried.map(({ name }) => name),
    [],
  );
});

test('more memory than WebAssembly has is refused before anything is written', async () => {
  await startEngine('wasm');
  const before = tf.tensor1d([1, 2, 3]);
  // To the allocator, whose numbers have 32 bits, these would be 64 bytes.
  assert.throws(() => tf.fill([2 ** 30 + 16], 1), /^RangeError: allocation failed: 4294967360 bytes/);
  assert.deepEqual([...before.dataSync()], [1, 2, 3]);
  before.dispose();
});

describe('compiled functions on wasm', () => {
  before(() => startEngine('wasm'));
  testCompiledFunctions(0);
});
