import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { scope } from '../src/engine/scope.ts';
import { stopGradient } from '../src/engine/stop-gradient.ts';
import { encode, encoderSpecs } from '../src/models/vae/encoder.ts';
import { vaeShape } from '../src/models/vae/vae.ts';
import { type AdamMoments, adam, biasCorrection, globalNorm, zeroMoments } from '../src/nn/adam.ts';
import {
  binaryCrossEntropy,
  categoricalEntropy,
  klToStandardNormal,
  sampleNormal,
} from '../src/nn/distributions.ts';
import { ensembleMlp, ensembleSpecs, leastOfHeads, toHeads } from '../src/nn/ensemble.ts';
import { fanIn, openForgetGate, zeros } from '../src/nn/initialisers.ts';
import { affine } from '../src/nn/linear.ts';
import { lstmSequence } from '../src/nn/lstm.ts';
import { asPyTorch, mlp, mlpSpecs } from '../src/nn/mlp.ts';
import { movingAverage, polynomialDecayRate } from '../src/nn/moving-average.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { processorEngines } from './support/engine-here.ts';
import { assertClose, normals, upload, type Values } from './support/tensors.ts';

const extent = fc.integer({ min: 1, max: 9 });
const members = fc.integer({ min: 1, max: 4 });
const seed = fc.integer({ min: 0, max: 1_000_000 });

/** What `f` gives and the gradients of the sum of its products with `cotangents`, all read back from the engine. */
function forwardAndGradients(
  f: (...operands: tf.Tensor[]) => tf.Tensor[],
  operands: readonly Values[],
  cotangents: readonly Values[],
): Float32Array[] {
  return scope(() => {
    const inputs = operands.map(upload);
    const loss = (...inputs: tf.Tensor[]): tf.Scalar =>
      tf.addN(f(...inputs).map((output, i) => tf.sum(tf.mul(output, upload(cotangents[i]!))))) as tf.Scalar;
    const { grads } = tf.valueAndGrads(loss)(inputs);
    return [...f(...inputs), ...grads].map((tensor) => tensor.dataSync<'float32'>().slice());
  });
}

for (const engine of processorEngines) {
  describe(`engine helpers on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('oneHot is float32, so that it can be multiplied by fractions', () => {
      tf.tidy(() => {
        const hot = oneHot(tf.tensor2d([2, 0, 1, 1], [2, 2], 'int32'), 3);
        assert.equal(hot.dtype, 'float32');
        assert.deepEqual(hot.shape, [2, 2, 3]);
        assert.deepEqual([...tf.mul(hot, 0.5).dataSync()], [0, 0, 0.5, 0.5, 0, 0, 0, 0.5, 0, 0, 0.5, 0]);
      });
    });

    test('stopGradient makes constants and leaves the tape as it was', () => {
      tf.tidy(() => {
        const x = tf.tensor3d([2, -3], [1, 1, 2]);
        const identity = tf.tensor3d([1, 0, 0, 1], [1, 2, 2]);
        const bias = tf.zeros([1, 2]);
        // d/dx [x · sg(x³) + x²] = x³ + 2x; the affine layer inside has a gradient of its own to be hidden.
        const f = (x: tf.Tensor) => {
          const cube = stopGradient(() => affine(tf.mul(tf.square(x), x), identity, bias));
          assert.throws(
            () =>
              stopGradient(() => {
                throw new Error('inside');
              }),
            /inside/,
          );
          return tf.sum(tf.add(tf.mul(x, cube), tf.square(x)));
        };
        assertClose(tf.grad(f)(x).dataSync(), [8 + 4, -27 - 6], 2e-5);
        const onlyConstants = (x: tf.Tensor) => tf.add(tf.sum(stopGradient(() => tf.square(x))), tf.sum(x));
        assertClose(tf.grad(onlyConstants)(x).dataSync(), [1, 1], 2e-5);
      });
    });

    test('scope frees all tensors but the kept ones and gives back any result', () => {
      const before = tf.memory().numTensors;
      const { kept, freed, name } = scope(() => {
        const freed = tf.ones([2]);
        return { kept: tf.keep(tf.mul(tf.add(freed, 1), 3)), freed, name: 'result' };
      });
      assert.deepEqual([name, freed.isDisposed, kept.isDisposed], ['result', true, false]);
      assert.equal(tf.memory().numTensors, before + 1);
      assert.deepEqual([...kept.dataSync()], [6, 6]);
      kept.dispose();
      assert.throws(
        () =>
          scope(() => {
            tf.ones([2]);
            throw new Error('inside');
          }),
        /inside/,
      );
      assert.equal(tf.memory().numTensors, before);
    });
  });
}

/** x W + b by tfjs's own operations and gradients. */
const portableAffine = (relu: boolean) => (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => {
  const [count, outputs] = bias.shape as [number, number];
  const rows = x.size / (count * x.shape.at(-1)!);
  const matrix = tf.reshape(x, [count, rows, x.shape.at(-1)!]);
  const sum = tf.add(tf.matMul(matrix, weight), tf.reshape(bias, [count, 1, outputs]));
  return [tf.reshape(relu ? tf.relu(sum) : sum, [...x.shape.slice(0, -1), outputs])];
};

test('affine and its gradients equal the portable form', async () => {
  const shapes = fc.tuple(members, extent, extent, fc.array(extent, { minLength: 1, maxLength: 2 }), seed);
  const cases = fc.sample(shapes, { seed: 1, numRuns: 30 }).map(([count, inputs, outputs, inner, seed]) => ({
    operands: [
      normals(seed, 'x', [count, ...inner, inputs]),
      normals(seed, 'weight', [count, inputs, outputs]),
      normals(seed, 'bias', [count, outputs]),
    ],
    cotangents: [normals(seed, 'cotangent', [count, ...inner, outputs])],
  }));
  for (const activation of ['none', 'relu'] as const) {
    await startEngine('cpu');
    const wanted = cases.map(({ operands, cotangents }) =>
      forwardAndGradients(portableAffine(activation === 'relu'), operands, cotangents),
    );
    for (const engine of processorEngines) {
      await startEngine(engine);
      for (const [i, { operands, cotangents }] of cases.entries()) {
        const layer = (...[x, weight, bias]: tf.Tensor[]) => [affine(x!, weight!, bias!, activation)];
        const actual = forwardAndGradients(layer, operands, cotangents);
        for (const [part, name] of ['y', 'dx', 'dweight', 'dbias'].entries()) {
          const what = `${engine} ${activation} ${name} of x [${operands[0]!.shape}]`;
          assertClose(actual[part]!, wanted[i]![part]!, 2e-5, what);
        }
      }
    }
  }
});

test('the heads of an ensemble are so many MLPs, of which the least counts', async () => {
  const [count, heads, inputs, hidden, outputs, batch] = [2, 3, 4, [5, 6], 2, 7];
  const one = mlpSpecs('q', inputs, hidden, outputs, 0.5, asPyTorch);
  const [alone, together] = [new ParameterLayout(one), new ParameterLayout(ensembleSpecs(heads, one))];
  const streams = () => [RandomStream.named(1, 'weights'), RandomStream.named(2, 'weights')];
  /** What one head of one member has, in the layout of a network alone. */
  const headOf = (flat: tf.Tensor2D, head: number) =>
    alone.join(together.split(flat).map((x) => tf.squeeze(tf.slice(x, [0, head], [count, 1]), [1])));
  for (const engine of processorEngines) {
    await startEngine(engine);
    scope(() => {
      const flat = together.initialise(streams());
      // A layer's first weights of all heads are drawn before its biases: ± 1 / √4.
      const random = RandomStream.named(1, 'weights');
      const [first] = together.views(flat.dataSync<'float32'>().slice(0, together.size) as Float32Array);
      const drawn = random.fillUniform(new Float32Array(heads * inputs * hidden[0]!), -0.5, 0.5);
      assert.deepEqual(first!.values, drawn);

      const x = upload(normals(1, 'x', [count, batch, inputs]));
      const dy = upload(normals(1, 'dy', [count, batch, outputs]));
      const all = (x: tf.Tensor, flat: tf.Tensor) =>
        ensembleMlp(together.unpack(flat as tf.Tensor2D), 'q', hidden.length, toHeads(x, heads));
      const each = (x: tf.Tensor, flat: tf.Tensor) =>
        Array.from({ length: heads }, (_, head) =>
          mlp(alone.unpack(headOf(flat as tf.Tensor2D, head)), 'q', hidden.length, x),
        );
      const least = [
        (x: tf.Tensor, flat: tf.Tensor) => leastOfHeads(all(x, flat)),
        (x: tf.Tensor, flat: tf.Tensor) => each(x, flat).reduce((a, b) => tf.minimum(a, b)),
      ];
      assertClose(all(x, flat).dataSync(), tf.stack(each(x, flat), 1).dataSync(), 1e-5, engine);
      const [actual, wanted] = least.map((f) =>
        tf.grads((x: tf.Tensor, flat: tf.Tensor) => tf.sum(tf.mul(f(x, flat), dy)))([x, flat]),
      );
      for (const [i, gradient] of wanted!.entries()) {
        assertClose(actual![i]!.dataSync(), gradient.dataSync(), 1e-5, engine);
      }
    });
  }
});

/** The LSTM by its equations, one step at a time in tfjs's own operations, differentiated by its tape. */
const portableLstm = (keep: Values) => (inputs: tf.Tensor, weight: tf.Tensor) => {
  const [count, batch, steps, width] = inputs.shape as [number, number, number, number];
  const units = width / 4;
  let hidden: tf.Tensor = tf.zeros([count, batch, units]);
  let cell = hidden;
  const hiddens: tf.Tensor[] = [];
  const cells: tf.Tensor[] = [];
  for (let t = 0; t < steps; t++) {
    const kept = tf.slice(upload(keep), [0, 0, t], [count, batch, 1]);
    const input = tf.reshape(tf.slice(inputs, [0, 0, t, 0], [count, batch, 1, width]), [count, batch, width]);
    const gates = tf.add(input, tf.matMul(tf.mul(hidden, kept), weight));
    const [i, f, g, o] = tf.split(gates, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    cell = tf.add(tf.mul(tf.sigmoid(f), tf.mul(cell, kept)), tf.mul(tf.sigmoid(i), tf.tanh(g)));
    hidden = tf.mul(tf.sigmoid(o), tf.tanh(cell));
    hiddens.push(hidden);
    cells.push(cell);
  }
  return [tf.stack(hiddens, 2), tf.stack(cells, 2)];
};

test('lstmSequence and its gradients equal a loop on the tape, resets included', async () => {
  for (const [count, batch, steps, units] of [
    [1, 1, 1, 1],
    [1, 3, 5, 4],
    [3, 2, 6, 3],
  ] as const) {
    const states = [count, batch, steps, units];
    const operands = [
      normals(1, 'inputs', [count, batch, steps, 4 * units]),
      normals(1, 'weight', [count, units, 4 * units]),
    ];
    const cotangents = [normals(1, 'dHidden', states), normals(1, 'dCell', states)];
    const random = RandomStream.named(1, 'keep');
    const data = Float32Array.from({ length: count * batch * steps }, () => Number(random.uniform() > 0.3));
    const keep = { shape: [count, batch, steps], data };
    if (count === 3) assert.ok(data.includes(0) && data.includes(1), 'some states are reset, some kept');

    await startEngine('cpu');
    const wanted = forwardAndGradients(portableLstm(keep), operands, cotangents);
    for (const engine of processorEngines) {
      await startEngine(engine);
      const sequence = (...[inputs, weight]: tf.Tensor[]) => {
        const mask = upload(keep) as tf.Tensor3D;
        const { hidden, cell } = lstmSequence(inputs as tf.Tensor4D, weight as tf.Tensor3D, mask);
        return [hidden, cell];
      };
      const actual = forwardAndGradients(sequence, operands, cotangents);
      for (const [part, name] of ['hidden', 'cell', 'dinputs', 'dweight'].entries()) {
        assertClose(actual[part]!, wanted[part]!, 2e-5, `${engine} ${name} of [${states}]`);
      }
    }
  }
});

for (const engine of processorEngines) {
  describe(`numbers on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('adam takes the steps computed by hand, each member clipped by its own norm', () => {
      // In numpy, float64, per member and step t, with clip 10 and α of 0.1 and 0.01:
      //   g *= min(1, clip / norm(g)); m = .9*m + .1*g; v = .999*v + .001*g*g
      //   theta -= alpha * (m / (1 - .9**t)) / (sqrt(v / (1 - .999**t)) + 1e-8)
      const gradients = [
        [0.5, -1, 3e6, 4e6],
        [-2, 0.25, 0.3, -0.4],
        [1, 0, 0, 2],
      ];
      const wanted = [
        [0.900000002, -0.900000001, 0.49000000001666666, 1.9900000000125],
        [0.9559503510200554, -0.8530531845234584, 0.482935996227006, 1.9836795755653989],
        [0.9669677173323048, -0.8167631594326566, 0.4774755008268065, 1.9773906874469236],
      ];
      tf.tidy(() => {
        let parameters = tf.tensor2d([1, -1, 0.5, 2], [2, 2]);
        let moments: AdamMoments = zeroMoments(2, 2);
        const learningRate = tf.tensor2d([0.1, 0.01], [2, 1]);
        for (const [i, values] of gradients.entries()) {
          const gradient = tf.tensor2d(values, [2, 2]);
          const norm = globalNorm(gradient);
          if (i === 0) assertClose(norm.dataSync(), [Math.sqrt(1.25), 5e6], 2e-5);
          ({ parameters, moments } = adam(
            parameters,
            gradient,
            norm,
            moments,
            biasCorrection(i + 1),
            learningRate,
            10,
          ));
          assertClose(parameters.dataSync(), wanted[i]!, 1e-6, `θ after step ${i + 1}`);
        }
        assertClose(moments.mean.dataSync(), [-0.0395, -0.0585, 0.513, 0.812], 1e-6, 'm');
        assertClose(
          moments.square.dataSync(),
          [0.00524550025, 0.0010604385, 0.036017946, 0.068031904],
          1e-7,
          'v',
        );
      });
    });

    test("one member's huge gradient leaves the other's step as it is alone", () => {
      tf.tidy(() => {
        const step = (gradients: number[][]) => {
          const gradient = tf.tensor2d(gradients);
          const [count, size] = gradient.shape;
          const before = {
            mean: tf.fill([count, size], 0.5),
            square: tf.fill([count, size], 2),
          } as AdamMoments;
          const rates = tf.fill([count, 1], 0.1) as tf.Tensor2D;
          const parameters = tf.ones([count, size]) as tf.Tensor2D;
          const after = adam(parameters, gradient, globalNorm(gradient), before, biasCorrection(7), rates, 1);
          return [after.parameters, after.moments.mean, after.moments.square].map((x) => [
            ...x.dataSync().subarray(0, size),
          ]);
        };
        const small = [0.1, -0.2, 0.3];
        const alone = step([small]);
        for (const huge of [1e15, Infinity, NaN]) assert.deepEqual(step([small, [huge, huge, 1]]), alone);
      });
    });

    test('movingAverage moves by its rate', () => {
      tf.tidy(() => {
        const average = movingAverage(tf.tensor2d([[1, -2]]), tf.tensor2d([[3, 8]]), 0.1);
        assertClose(average.dataSync(), [1.2, -1], 2e-5);
        const own = movingAverage(
          tf.tensor2d([[1], [1]]),
          tf.tensor2d([[3], [3]]),
          tf.tensor2d([[0.5], [0]]),
        );
        assertClose(own.dataSync(), [2, 1], 2e-5);
      });
    });

    test('distributions equal their formulas', () => {
      tf.tidy(() => {
        const mean = tf.tensor1d([0, 2, -0.5]);
        const logVariance = tf.tensor1d([0, -1, 2]);
        // (4 + e⁻¹ − 1 + 1) / 2 and (0.25 + e² − 1 − 2) / 2
        assertClose(klToStandardNormal(mean, logVariance).dataSync(), [0, 2.18393972, 2.31952805], 2e-5);
        const sample = sampleNormal(mean, logVariance, tf.tensor1d([1, -1, 2]));
        assertClose(sample.dataSync(), [1, 2 - Math.exp(-0.5), -0.5 + 2 * Math.E], 2e-5);

        const entropy = (...logits: number[]) => categoricalEntropy(tf.logSoftmax(tf.tensor2d([logits])));
        assertClose(entropy(3, 3).dataSync(), [Math.LN2], 2e-5);
        // −Σ p log p of p = 0.7, 0.2, 0.1
        assertClose(entropy(Math.log(0.7), Math.log(0.2), Math.log(0.1)).dataSync(), [0.80181855], 2e-5);
        assertClose(entropy(1000, 0).dataSync(), [0], 2e-5);
      });
    });

    test('binaryCrossEntropy and its gradient are finite and exact at extreme logits', () => {
      tf.tidy(() => {
        const logits = tf.tensor1d([0, 0.5, 2, 100, 100, -100, -100, 1e4, -1e4, -15]);
        const targets = tf.tensor1d([1, 0.25, 1, 1, 0, 1, 0, 0, 1, 0]);
        // log(1 + e^0.5) − 0.125, log(1 + e⁻²), …, log(1 + e⁻¹⁵)
        const wanted = [Math.LN2, 0.84907698, 0.12692801, 0, 100, 100, 0, 1e4, 1e4, 3.0590232e-7];
        const actual = binaryCrossEntropy(logits, targets).dataSync();
        assertClose(actual, wanted, 1e-6);
        assert.ok(Math.abs(actual[9]! / wanted[9]! - 1) < 1e-2, 'small losses keep their size');
        const gradient = tf
          .grad((l) => tf.sum(binaryCrossEntropy(l, targets)))(logits)
          .dataSync();
        const sigmoid = (l: number) => 1 / (1 + Math.exp(-l));
        const slopes = [...logits.dataSync()].map((l, i) => sigmoid(l) - targets.dataSync()[i]!);
        assertClose(gradient, slopes, 1e-6);
      });
    });

    test("the posterior's log-variance is clipped, and passes no gradient beyond the clip", () => {
      tf.tidy(() => {
        const vae = vaeShape({ hidden: [1], latent: 1 }, { observation: 1 });
        const layout = new ParameterLayout(encoderSpecs(vae));
        // Weight and bias of the hidden unit, then weights and biases of μ and logvar.
        const posterior = (weights: tf.Tensor) =>
          encode(layout.unpack(weights as tf.Tensor2D), vae, tf.ones([1, 1]));
        const logVariance = (w: tf.Tensor) => tf.sum(posterior(w).logVariance);
        for (const [bias, clipped, slope] of [
          [9, 4, 0],
          [-9, -8, 0],
          [3, 3, 1],
        ] as const) {
          const weights = tf.tensor2d([[0, 0, 0, 0, 20, bias]]);
          assertClose(posterior(weights).logVariance.dataSync(), [clipped], 2e-5);
          assertClose(posterior(weights).mean.dataSync(), [20], 2e-5);
          assertClose(tf.grad(logVariance)(weights).dataSync(), [0, 0, 0, 0, 0, slope], 2e-5);
        }
      });
    });
  });
}

describe('parameters', () => {
  before(async () => {
    await startEngine('cpu');
  });

  const layout = new ParameterLayout([
    ...mlpSpecs('first', 2, [3], 1),
    { name: 'firstly.bias', shape: [2], initialise: zeros },
    ...mlpSpecs('last', 1, [2], 2),
  ]);

  test('a layout names the pieces of the flat vector', () => {
    tf.tidy(() => {
      const sizes = layout.specs.map(({ shape }) => shape.reduce((product, n) => product * n, 1));
      assert.deepEqual(sizes, [6, 3, 3, 1, 2, 2, 2, 4, 2]);
      assert.equal(layout.size, 25);
      const flat = tf.reshape(tf.range(0, 50), [2, 25]) as tf.Tensor2D;
      const parameters = layout.unpack(flat);
      assert.deepEqual(parameters.get('first.0.weight').arraySync(), [
        [
          [0, 1, 2],
          [3, 4, 5],
        ],
        [
          [25, 26, 27],
          [28, 29, 30],
        ],
      ]);
      assert.deepEqual(parameters.get('last.1.bias').arraySync(), [
        [23, 24],
        [48, 49],
      ]);
      assert.throws(() => parameters.get('last.2.bias'), /no parameter is called last\.2\.bias/);

      // `first` is not a prefix of `firstly`: names are compared up to the dot.
      assert.deepEqual(
        layout.only('first').specs.map(({ name }) => name),
        ['first.0.weight', 'first.0.bias', 'first.1.weight', 'first.1.bias'],
      );
      assert.deepEqual(layout.slice(flat, 'firstly').arraySync(), [
        [13, 14],
        [38, 39],
      ]);
      const last = layout.only('last').unpack(layout.slice(flat, 'last'));
      for (const { name } of layout.only('last').specs) {
        assert.deepEqual(last.get(name).arraySync(), parameters.get(name).arraySync());
      }
      assert.throws(() => layout.slice(flat, 'none'), /no model is called none/);

      const weighted = (flat: tf.Tensor) =>
        tf.sum(
          tf.mul(
            layout.unpack(flat as tf.Tensor2D).get('last.1.bias'),
            tf.tensor2d([
              [1, 2],
              [3, 4],
            ]),
          ),
        );
      const gradient = tf.grad(weighted)(flat).dataSync<'float32'>();
      assert.deepEqual([...gradient.subarray(23, 25), ...gradient.subarray(48)], [1, 2, 3, 4]);
      assert.equal(
        gradient.reduce((sum, x) => sum + x, 0),
        10,
      );
    });
  });

  test('initial weights are truncated normals of fan-in scale; each member draws from its own stream', () => {
    const inputs = 200;
    const wide = new ParameterLayout([
      { name: 'plain.weight', shape: [inputs, 100], initialise: fanIn(inputs) },
      { name: 'small.weight', shape: [inputs, 100], initialise: fanIn(inputs, 0.1) },
      { name: 'lstm.bias', shape: [12], initialise: openForgetGate },
      { name: 'plain.bias', shape: [100], initialise: zeros },
    ]);
    // Standard deviation of a standard normal truncated to [-2, 2]: √(1 − 4 φ(2) / (2 Φ(2) − 1)).
    const truncatedDeviation = 0.87962566;
    const streams = () => [RandomStream.named(1, 'weights'), RandomStream.named(2, 'weights')];
    tf.tidy(() => {
      const flat = wide.initialise(streams());
      const parameters = wide.unpack(flat);
      for (const [name, scale] of [
        ['plain.weight', 1],
        ['small.weight', 0.1],
      ] as const) {
        const values = parameters.get(name).dataSync<'float32'>();
        const unit = scale / Math.sqrt(inputs);
        const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length) / unit;
        const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / unit;
        // 40,000 draws: the deviation's own standard error is 0.003.
        assert.ok(Math.abs(deviation - truncatedDeviation) < 0.01, `${name}: deviation ${deviation}`);
        assert.ok(largest > 1.99 && largest <= 2 + 1e-6, `${name}: largest ${largest}`);
      }
      const bias = [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0];
      assert.deepEqual(parameters.get('lstm.bias').arraySync(), [bias, bias]);
      assert.deepEqual(parameters.get('plain.bias').dataSync(), new Float32Array(200));

      const rows = tf.unstack(flat).map((row) => row.dataSync());
      const [first, second] = streams().map((stream) => wide.initialise([stream]).dataSync());
      assert.deepEqual(rows, [first, second]);
      assert.notDeepEqual(first, second);
    });
  });

  test('the layers of an MLP start at their own scales', () => {
    const scales = mlpSpecs('model', 50, [400], 400, 0.1).map(({ shape, initialise }) => {
      const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
      initialise(RandomStream.named(1, 'weights'), values);
      return values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) * Math.sqrt(shape[0]!);
    });
    // Gain 1.4 before the ReLU, the last layer's own scale after it; two standard deviations at most; biases zero.
    assertClose(scales, [2.8, 0, 0.2, 0], 0.01);
  });
});

test('polynomial-decay averaging weights iterate i as Shamir and Zhang do, then forgets at the least rate', () => {
  // Their average of t iterates with η = 8, unrolled: the weight of i is 9/(i+8) times what later steps leave of it.
  const weights = (updates: number, least: number) => {
    let all: number[] = [];
    for (let t = 1; t <= updates; t++) {
      const rate = polynomialDecayRate(t, least);
      all = [...all.map((weight) => weight * (1 - rate)), rate];
    }
    return all;
  };
  // Exactly, the weight of iterate i of t is 9 · i(i+1)…(i+7) / (t(t+1)…(t+8)).
  const product = (from: number, factors: number) => {
    let all = 1;
    for (let i = 0; i < factors; i++) all *= from + i;
    return all;
  };
  const exact = Array.from({ length: 30 }, (_, i) => (9 * product(i + 1, 8)) / product(30, 9));
  assertClose(weights(30, 0), exact, 1e-12);
  assert.equal(polynomialDecayRate(1, 0.001), 1);
  assert.equal(polynomialDecayRate(100_000, 0.001), 0.001);
  assert.equal(polynomialDecayRate(5, 1), 1);
});
