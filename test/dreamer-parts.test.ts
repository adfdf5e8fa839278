import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { stopGradient } from '../src/engine/stop-gradient.ts';
import { type AdamMoments, adam, biasCorrection, globalNorm, zeroMoments } from '../src/nn/adam.ts';
import { categoricalKl, mixedLogProbabilities, sampleCategorical } from '../src/nn/categorical.ts';
import { gaussianKl } from '../src/nn/gaussian.ts';
import { zeros } from '../src/nn/initialisers.ts';
import { adaptiveClip, laprop } from '../src/nn/laprop.ts';
import {
  blockLayerSpecs,
  blockLinear,
  type NormActivation,
  type NormLayer,
  normActivation,
  normDense,
  normLayer,
  normLayerSpecs,
} from '../src/nn/norm-dense.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { symexp, symlog } from '../src/nn/symlog.ts';
import { twoHotBins, twoHotLoss, twoHotMean } from '../src/nn/two-hot.ts';
import { RandomStream } from '../src/random/stream.ts';
import { movingRange } from '../src/training/return-range.ts';
import { quantiles } from '../src/training/returns.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, read, reference, tensor } from './support/reference.ts';
import { assertClose, normals, upload, type Values } from './support/tensors.ts';
import { uniformsOf } from './support/uniforms.ts';

/** Asserts that each number is the one wanted up to a share of its own size, however small. */
function assertRelative(actual: ArrayLike<number>, wanted: ArrayLike<number>, limit: number, what?: string) {
  assert.equal(actual.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(actual[i]! - wanted[i]!);
    if (!(error <= limit * Math.abs(wanted[i]!))) {
      assert.fail(`${what ?? ''}[${i}]: expected ${wanted[i]}, got ${actual[i]}`);
    }
  }
}

const {
  symlog: symlogs,
  symexp: symexps,
  cases: twoHots,
} = reference<{
  symlog: { x: number[]; y: number[] };
  symexp: { x: number[]; y: number[] };
  cases: {
    bins: number[];
    bins_count: number;
    limit: number;
    target: number[];
    encoded_nonzero: [number, number][][];
    decoded: number[];
    logits: number[][];
    loss: number[];
    pred: number[];
    loss_grad_logits: number[][];
  }[];
}>('symlog_twohot.json.gz');

const categorical = reference<{
  unimix: number;
  post_logits: Nested;
  prior_logits: Nested;
  post_logp: Nested;
  prior_logp: Nested;
  kl: Nested;
  v3: { free: number; dyn: number; rep: number; loss: number; grad_post: Nested; grad_prior: Nested };
  v2: {
    free: number;
    balance: number;
    free_avg: boolean;
    loss: number;
    grad_post: Nested;
    grad_prior: Nested;
  }[];
  straight_through: { sample_index: Nested; cotangent: Nested; grad_logits: Nested };
}>('categorical.json');

const gaussian = reference<
  Record<
    'mean_post' | 'raw_std_post' | 'mean_prior' | 'raw_std_prior' | 'std_post' | 'std_prior' | 'kl',
    Nested
  > & {
    grad_mean_kl: Record<'mean_post' | 'raw_std_post' | 'mean_prior' | 'raw_std_prior', Nested>;
    planet_free3: number;
    dreamer_v1_free3: number;
  }
>('gaussian.json');

const normaliser = reference<{
  batches: Nested[];
  cases: {
    rate: number;
    debias: boolean;
    limit: number;
    p5: number[];
    p95: number[];
    offset: number[];
    scale: number[];
  }[];
}>('normaliser.json');

interface Weights {
  w: number[][];
  b: number[];
}
const optimizer = reference<{
  params: Weights;
  gradients: Weights[];
  laprop_agc: { lr: number; agc: number; warmup: number; params_after: Weights[] };
  adam: { lr: number; params_after: Weights[] };
}>('optimizer.json');

/** The maximum of a mean KL and the free nats, or the mean of each one's maximum. */
const freeNats = (kl: tf.Tensor, free: number, ofMean = false) =>
  ofMean ? tf.maximum(tf.mean(kl), free) : tf.mean(tf.maximum(kl, free));

/** dyn max(KL(sg p ‖ q), free) + rep max(KL(p ‖ sg q), free). */
function balancedKl(p: tf.Tensor, q: tf.Tensor, dyn: number, rep: number, free: number, ofMean?: boolean) {
  const toPrior = freeNats(
    categoricalKl(
      stopGradient(() => tf.clone(p)),
      q,
    ),
    free,
    ofMean,
  );
  const toPosterior = freeNats(
    categoricalKl(
      p,
      stopGradient(() => tf.clone(q)),
    ),
    free,
    ofMean,
  );
  return tf.add(tf.mul(toPrior, dyn), tf.mul(toPosterior, rep)) as tf.Scalar;
}

/** Standard normals, moved away from 0, where |x| has no derivative. */
const awayFromZero = (seed: number, name: string, shape: number[]): Values => {
  const { data } = normals(seed, name, shape);
  return { shape, data: data.map((x) => x + 0.3 * Math.sign(x)) };
};
/** Lognormal numbers. */
const positive = (seed: number, name: string, shape: number[]): Values => {
  const { data } = normals(seed, name, shape);
  return { shape, data: data.map((x) => 0.4 + Math.exp(0.5 * x)) };
};

const layersOf = (tensors: readonly tf.Tensor[], perLayer: number): NormLayer[] =>
  Array.from({ length: tensors.length / perLayer }, (_, i) => {
    const [weight, bias, scale] = tensors.slice(i * perLayer, (i + 1) * perLayer);
    return { weight: weight!, bias: bias!, scale };
  });

const smallBins = twoHotBins(7, 2);

/** Every differentiable function on some operands: x first, all smooth there. */
const differentiable: Record<string, { f: (...x: tf.Tensor[]) => tf.Tensor; operands: Values[] }> = {
  symlog: { f: (x) => symlog(x!), operands: [awayFromZero(1, 'x', [2, 5])] },
  symexp: { f: (x) => symexp(x!), operands: [awayFromZero(1, 'x', [2, 5])] },
  twoHotMean: { f: (x) => twoHotMean(x!, smallBins), operands: [normals(1, 'x', [2, 3, 7])] },
  twoHotLoss: {
    f: (x) => twoHotLoss(x!, tf.tensor2d([0, -1, 9, 0.4, 2.5, -20], [2, 3]), smallBins),
    operands: [normals(1, 'x', [2, 3, 7])],
  },
  'mixedLogProbabilities with 0': {
    f: (x) => mixedLogProbabilities(x!, 0),
    operands: [normals(1, 'x', [2, 3, 4])],
  },
  'mixedLogProbabilities with 0.1': {
    f: (x) => mixedLogProbabilities(x!, 0.1),
    operands: [normals(1, 'x', [2, 3, 4])],
  },
  categoricalKl: {
    f: (p, q) => categoricalKl(p!, q!),
    operands: [normals(1, 'p', [2, 3, 4, 5]), normals(1, 'q', [2, 3, 4, 5])],
  },
  gaussianKl: {
    f: (mean, std, otherMean, otherStd) =>
      gaussianKl({ mean: mean!, std: std! }, { mean: otherMean!, std: otherStd! }),
    operands: [
      normals(1, 'mean', [2, 3, 4]),
      positive(1, 'std', [2, 3, 4]),
      normals(2, 'mean', [2, 3, 4]),
      positive(2, 'std', [2, 3, 4]),
    ],
  },
  'normDense with norm': {
    f: (x, ...rest) => normDense(x!, layersOf(rest, 3), 'silu'),
    operands: [
      normals(1, 'x', [2, 3, 2, 4]),
      ...[normals(1, 'w0', [2, 4, 6]), normals(1, 'b0', [2, 6]), positive(1, 's0', [2, 6])],
      ...[normals(1, 'w1', [2, 2, 3, 4]), normals(1, 'b1', [2, 8]), positive(1, 's1', [2, 8])],
    ],
  },
  'normDense without norm': {
    f: (x, ...rest) => normDense(x!, layersOf(rest, 2), 'silu'),
    operands: [
      normals(1, 'x', [2, 4]),
      ...[normals(1, 'w0', [2, 2, 2, 3]), normals(1, 'b0', [2, 6])],
      ...[normals(1, 'w1', [2, 6, 3]), normals(1, 'b1', [2, 3])],
    ],
  },
  'normActivation with norm': {
    f: (x, scale) => normActivation(x!, scale!, 'silu'),
    operands: [normals(1, 'x', [2, 3, 2, 4]), positive(1, 'scale', [2, 4])],
  },
  'normActivation without norm': {
    f: (x) => normActivation(x!, undefined, 'elu'),
    operands: [normals(1, 'x', [2, 3, 4])],
  },
  blockLinear: {
    f: (x, weight, bias) => blockLinear(x!, weight!, bias!),
    operands: [normals(1, 'x', [2, 3, 6]), normals(1, 'w', [2, 3, 2, 4]), normals(1, 'b', [2, 12])],
  },
};

/** Σ cotangent · y, added in float64. */
const weighted = (y: ArrayLike<number>, cotangent: Float32Array) =>
  cotangent.reduce((sum, weight, i) => sum + weight * y[i]!, 0);

/** What `f` gives, and the gradients of Σ cotangent · f by its operands. */
function gradients(f: (...x: tf.Tensor[]) => tf.Tensor, operands: readonly Values[]) {
  return scope(() => {
    const inputs = operands.map(upload);
    const value = f(...inputs);
    const cotangent = normals(9, 'cotangent', value.shape);
    const loss = (...x: tf.Tensor[]) => tf.sum(tf.mul(f(...x), upload(cotangent))) as tf.Scalar;
    const byOperand = tf
      .grads(loss)(inputs)
      .map((x) => read(x).slice());
    return { value: read(value).slice(), cotangent: cotangent.data, byOperand };
  });
}

/** The layers by tfjs's own operations and gradients, one block after the other. */
function portableNormDense(
  x: tf.Tensor,
  layers: readonly NormLayer[],
  activation: NormActivation,
): tf.Tensor {
  const members = x.shape[0]!;
  let rows: tf.Tensor = tf.reshape(x, [members, -1, x.shape.at(-1)!]);
  for (const { weight, bias, scale } of layers) {
    const blocks = weight.rank === 4 ? (tf.unstack(weight, 1) as tf.Tensor[]) : [weight];
    // tfjs cannot differentiate a split into one.
    const parts = blocks.length > 1 ? tf.split(rows, blocks.length, 2) : [rows];
    const product = tf.concat(
      blocks.map((block, i) => tf.matMul(parts[i]!, block)),
      2,
    );
    let y: tf.Tensor = tf.add(product, tf.expandDims(bias, 1));
    if (scale) {
      const size = tf.sqrt(tf.add(tf.mean(tf.square(y), 2, true), 1e-4));
      y = tf.mul(tf.div(y, size), tf.expandDims(scale, 1));
    }
    rows = activation === 'silu' ? tf.mul(y, tf.sigmoid(y)) : tf.elu(y);
  }
  return tf.reshape(rows, [...x.shape.slice(0, -1), rows.shape[2]!]);
}

test('what follows a sum is what follows that of a layer that changes nothing', async () => {
  await startEngine('cpu');
  const operands = [normals(3, 'x', [2, 5, 4]), positive(3, 'scale', [2, 4])];
  const identity = () => tf.stack([tf.eye(4), tf.eye(4)]);
  for (const activation of ['silu', 'elu'] as const) {
    for (const count of [1, 2]) {
      const given = operands.slice(0, count);
      const own = gradients((x, scale) => normActivation(x!, scale, activation), given);
      const layer = gradients(
        (x, scale) => normDense(x!, [{ weight: identity(), bias: tf.zeros([2, 4]), scale }], activation),
        given,
      );
      assertClose(own.value, layer.value, 1e-5, activation);
      for (const [i, values] of layer.byOperand.entries()) {
        assertClose(own.byOperand[i]!, values, 1e-5, `${activation}, ${i}`);
      }
    }
  }
});

test('normDense and its gradients equal the portable form', async () => {
  const operands = {
    norm: differentiable['normDense with norm']!.operands,
    plain: differentiable['normDense without norm']!.operands,
  };
  for (const activation of ['silu', 'elu'] as const) {
    for (const [kind, perLayer] of [
      ['norm', 3],
      ['plain', 2],
    ] as const) {
      await startEngine('cpu');
      const portable = (...[x, ...rest]: tf.Tensor[]) =>
        portableNormDense(x!, layersOf(rest, perLayer), activation);
      const wanted = gradients(portable, operands[kind]);
      for (const engine of processorEngines) {
        await startEngine(engine);
        const own = (...[x, ...rest]: tf.Tensor[]) => normDense(x!, layersOf(rest, perLayer), activation);
        const actual = gradients(own, operands[kind]);
        const what = `${engine} ${activation} ${kind}`;
        assertClose(actual.value, wanted.value, 2e-5, what);
        for (const [i, gradient] of wanted.byOperand.entries()) {
          assertClose(actual.byOperand[i]!, gradient, 5e-5, `${what}, gradient of operand ${i}`);
        }
        // Where x is a constant, the gradients of the rest are what they were.
        const [x, ...rest] = operands[kind];
        const constant = gradients(
          (...rest) => normDense(upload(x!), layersOf(rest, perLayer), activation, false),
          rest,
        );
        assert.deepEqual(constant.byOperand, actual.byOperand.slice(1), what);
      }
    }
  }
});

for (const engine of processorEngines) {
  describe(`parts of Dreamer on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('gradients equal finite differences', () => {
      const step = 1 / 64;
      for (const [name, { f, operands }] of Object.entries(differentiable)) {
        const { cotangent, byOperand } = gradients(f, operands);
        for (const [i, { shape, data }] of operands.entries()) {
          const direction = normals(3, `direction ${i}`, shape).data;
          const at = (distance: number) =>
            scope(() => {
              const moved = { shape, data: data.map((x, j) => x + distance * direction[j]!) };
              return weighted(read(f(...operands.with(i, moved).map(upload))), cotangent);
            });
          const slope = weighted(byOperand[i]!, direction);
          const near = at(step) - at(-step);
          const far = at(2 * step) - at(-2 * step);
          assertClose([slope], [(8 * near - far) / (12 * step)], 1e-3, `${name}, operand ${i}`);
        }
      }
    });

    test('symlog and symexp equal the reference, small numbers to all digits', () => {
      tf.tidy(() => {
        assertRelative(read(symlog(tensor(symlogs.x))), symlogs.y, 1e-6, 'symlog');
        assertRelative(read(symexp(tensor(symexps.x))), symexps.y, 2e-6, 'symexp');
        const small = [1e-12, -3e-7, 1.1e-7, 6e-5, -2e-3, 0.03];
        const wanted = (f: (x: number) => number) => small.map((x) => Math.sign(x) * f(Math.abs(x)));
        assertRelative(read(symlog(tensor(small))), wanted(Math.log1p), 1e-6, 'small symlog');
        assertRelative(read(symexp(tensor(small))), wanted(Math.expm1), 1e-6, 'small symexp');
        const slope = (f: (x: tf.Tensor) => tf.Tensor, x: number[]) => read(tf.grad(f)(tensor(x)));
        assertRelative(slope(symlog, [0, -1, 1e6]), [1, 0.5, 1 / (1 + 1e6)], 1e-6);
        assertRelative(slope(symexp, [0, -1, 12]), [1, Math.E, Math.exp(12)], 2e-6);
      });
    });

    test('symexp is the inverse of symlog', () => {
      const magnitude = fc.double({ min: -20, max: Math.log(1e6), noNaN: true });
      const numbers = fc.array(fc.tuple(magnitude, fc.boolean()), { minLength: 1, maxLength: 40 });
      fc.assert(
        fc.property(numbers, (numbers) => {
          const x = Float32Array.from(numbers, ([log, sign]) => (sign ? 1 : -1) * Math.exp(log));
          assertRelative(
            tf.tidy(() => read(symexp(symlog(tf.tensor1d(x))))),
            x,
            1e-5,
          );
        }),
        { seed: 1, numRuns: 30 },
      );
    });

    for (const [i, two] of twoHots.entries()) {
      test(`two-hot over ${two.bins_count} bins equals the reference`, () => {
        tf.tidy(() => {
          const bins = twoHotBins(two.bins_count, two.limit);
          assertRelative(bins, two.bins, 1e-7, 'bins');
          const top = two.bins.at(-1)!;

          const logits = tensor(two.logits);
          const count = two.logits.length;
          const target = tensor(two.target.slice(0, count));
          assertClose(read(twoHotLoss(logits, target, bins)), two.loss, 2e-6, 'loss');
          const gradient = tf.grad((logits) => tf.sum(twoHotLoss(logits, target, bins)))(logits);
          assertClose(read(gradient), flat(two.loss_grad_logits), 1e-6, 'gradient');
          const mean = read(twoHotMean(logits, bins));
          assertClose(
            mean.map((x) => x / top),
            two.pred.map((x) => x / top),
            2e-7,
            'mean',
          );

          // At equal logits the gradient is 1 / bins − the encoding.
          const equal = tf.zeros([two.target.length, bins.length]);
          const all = tensor(two.target);
          const slopes = tf.grad((logits) => tf.sum(twoHotLoss(logits, all, bins)))(equal);
          const encoded = read(tf.sub(1 / bins.length, slopes));
          const wanted = two.encoded_nonzero.flatMap((nonzero) => {
            const row = new Array<number>(bins.length).fill(0);
            for (const [at, weight] of nonzero) row[at] = weight;
            return row;
          });
          assertClose(encoded, wanted, 1e-5, `encoding of case ${i}`);

          // Logits that are the encoding's logarithm decode to the target.
          const sure = tf.log(tensor(wanted.map((weight) => Math.max(weight, 1e-38))));
          const decoded = twoHotMean(tf.reshape(sure, equal.shape), bins);
          assertClose(read(decoded), two.decoded, 1e-5, 'decoded');
        });
      });
    }

    test('equal logits have the mean 0 exactly, and mirrored ones the opposite mean', () => {
      tf.tidy(() => {
        for (const [count, limit] of [
          [3, 1],
          [63, 8],
          [255, 20],
        ] as const) {
          const bins = twoHotBins(count, limit);
          const equal = tf.concat([tf.zeros([1, count]), tf.fill([1, count], -7.3)], 0);
          assert.ok(read(twoHotMean(equal, bins)).every((mean) => mean === 0));
          const logits = upload(normals(1, 'logits', [4, count]));
          const mean = read(twoHotMean(logits, bins));
          const mirrored = read(twoHotMean(tf.reverse(logits, 1), bins));
          assertRelative(
            mirrored,
            mean.map((x) => -x),
            1e-5,
          );
        }
      });
    });

    test('mixed log-probabilities and their KL equal the reference, with its gradients', () => {
      tf.tidy(() => {
        const { unimix, v3 } = categorical;
        const [posterior, prior] = [tensor(categorical.post_logits), tensor(categorical.prior_logits)];
        const mixed = (logits: tf.Tensor, mix = unimix) => mixedLogProbabilities(logits, mix);
        assertClose(read(mixed(posterior)), flat(categorical.post_logp), 1e-6, 'log p');
        assertClose(read(mixed(prior)), flat(categorical.prior_logp), 1e-6, 'log q');
        const kl = categoricalKl(mixed(posterior), mixed(prior));
        assert.deepEqual(kl.shape, posterior.shape.slice(0, 2));
        assertClose(read(kl), flat(categorical.kl), 2e-6, 'KL');

        const check = (
          what: string,
          wanted: { loss: number; grad_post: Nested; grad_prior: Nested },
          f: (p: tf.Tensor, q: tf.Tensor) => tf.Scalar,
        ) => {
          const { value, grads } = tf.valueAndGrads(f)([posterior, prior]);
          assertClose(read(value), [wanted.loss], 2e-6, what);
          assertClose(read(grads[0]!), flat(wanted.grad_post), 2e-6, `${what}, posterior`);
          assertClose(read(grads[1]!), flat(wanted.grad_prior), 2e-6, `${what}, prior`);
        };
        check('v3', v3, (p, q) => balancedKl(mixed(p), mixed(q), v3.dyn, v3.rep, v3.free));
        for (const v2 of categorical.v2) {
          const { balance, free, free_avg } = v2;
          check(`v2, free ${free}, ${free_avg}`, v2, (p, q) =>
            balancedKl(mixed(p, 0), mixed(q, 0), balance, 1 - balance, free, free_avg),
          );
        }
      });
    });

    test('a mix bounds the log-probabilities of extreme logits, and equal distributions have no KL', () => {
      tf.tidy(() => {
        const extreme = tf.tensor2d([1e4, -1e4, 0, 0], [1, 4]);
        assertClose(read(mixedLogProbabilities(extreme, 0.04)).slice(1), [0, 0, 0].fill(Math.log(0.01)));
        const logP = mixedLogProbabilities(upload(normals(1, 'logits', [2, 3, 4])), 0.01);
        assert.deepEqual([...read(categoricalKl(logP, tf.clone(logP)))], [0, 0]);
      });
    });

    test('a straight-through sample is one-hot and has the gradient of the probabilities', () => {
      tf.tidy(() => {
        const { sample_index, cotangent, grad_logits } = categorical.straight_through;
        const logits = tensor(categorical.post_logits);
        const sample = (logits: tf.Tensor, noise?: tf.Tensor) =>
          sampleCategorical(mixedLogProbabilities(logits, categorical.unimix), noise);
        const classes = logits.shape.at(-1)!;
        const hot = (index: number) => Array.from({ length: classes }, (_, i) => Number(i === index));
        const logP = flat(categorical.post_logp);
        const uniform = tf.tensor(uniformsOf(logP, flat(sample_index)), logits.shape.slice(0, -1));
        const drawn = sample(logits, uniform);
        assert.deepEqual([drawn.dtype, drawn.shape], ['float32', logits.shape]);
        assert.deepEqual([...read(drawn)], flat(sample_index).flatMap(hot));
        const gradient = tf.grad((logits) => tf.sum(tf.mul(sample(logits, uniform), tensor(cotangent))))(
          logits,
        );
        assertClose(read(gradient), flat(grad_logits), 2e-6);

        const modes = flat(tf.argMax(logits, -1).arraySync() as Nested);
        assert.deepEqual([...read(sample(logits))], modes.flatMap(hot));
      });
    });

    test('gaussianKl equals the reference, with its gradients', () => {
      tf.tidy(() => {
        const { mean_post, raw_std_post, mean_prior, raw_std_prior, grad_mean_kl } = gaussian;
        const operands = [mean_post, raw_std_post, mean_prior, raw_std_prior].map(tensor);
        const std = (raw: tf.Tensor) => tf.add(tf.softplus(raw), 0.1);
        const kl = (...[mean, raw, otherMean, otherRaw]: tf.Tensor[]) =>
          gaussianKl({ mean: mean!, std: std(raw!) }, { mean: otherMean!, std: std(otherRaw!) });
        assertClose(read(std(operands[1]!)), flat(gaussian.std_post), 1e-6);
        assertClose(read(std(operands[3]!)), flat(gaussian.std_prior), 1e-6);
        assertClose(read(kl(...operands)), flat(gaussian.kl), 2e-6);
        const perState = read(tf.mean(tf.maximum(tf.sub(kl(...operands), 3), 0)));
        assertClose(perState, [gaussian.planet_free3], 2e-6);
        assertClose(read(freeNats(kl(...operands), 3, true)), [gaussian.dreamer_v1_free3], 2e-6);
        const gradients = tf.grads((...x: tf.Tensor[]) => tf.mean(kl(...x)))(operands);
        for (const [i, wanted] of [
          grad_mean_kl.mean_post,
          grad_mean_kl.raw_std_post,
          grad_mean_kl.mean_prior,
          grad_mean_kl.raw_std_prior,
        ].entries()) {
          assertClose(read(gradients[i]!), flat(wanted), 5e-6, `operand ${i}`);
        }
      });
    });

    test('the moving range of returns equals the reference, each member by its own', () => {
      for (const { rate, debias, limit, p5, p95, offset, scale } of normaliser.cases) {
        tf.tidy(() => {
          let range = tf.zeros([2, 2]) as tf.Tensor2D;
          for (const [i, batch] of normaliser.batches.entries()) {
            const row = flat(batch);
            // The second member's returns are the first's with the other sign.
            const returns = tf.tensor2d([row, row.map((x) => -x)]);
            assertClose(read(quantiles(returns, [0.05])[0]!), [p5[i]!, -p95[i]!], 1e-6, 'low');
            assertClose(read(quantiles(returns, [0.95])[0]!), [p95[i]!, -p5[i]!], 1e-6, 'high');
            if (debias) continue;
            range = movingRange(range, returns, rate);
            const [low, high, otherLow, otherHigh] = read(range);
            assertClose([low!, Math.max(limit, high! - low!)], [offset[i]!, scale[i]!], 1e-6, `update ${i}`);
            assertClose([otherLow!, otherHigh!], [-high!, -low!], 1e-6, `update ${i}`);
          }
        });
      }
      assert.deepEqual([...tf.tidy(() => read(quantiles(tf.tensor2d([[7], [-2]]), [0.3])[0]!))], [7, -2]);
    });

    const layout = new ParameterLayout([
      { name: 'w', shape: [2, 3], initialise: zeros },
      { name: 'b', shape: [3], initialise: zeros },
    ]);
    const vector = ({ w, b }: Weights) => [...w.flat(), ...b];
    const still = new Array<number>(9).fill(0);

    test('LaProp behind adaptive clipping takes the steps of the reference; no gradient, no step', () => {
      tf.tidy(() => {
        const { lr, agc, warmup, params_after } = optimizer.laprop_agc;
        const start = vector(optimizer.params);
        let parameters = tf.tensor2d([start, start]);
        let moments: AdamMoments = zeroMoments(2, 9);
        for (const [i, gradient] of optimizer.gradients.entries()) {
          const clipped = adaptiveClip(layout, parameters, tf.tensor2d([vector(gradient), still]), agc);
          const rate = tf.fill([2, 1], lr * Math.min(1, i / warmup)) as tf.Tensor2D;
          ({ parameters, moments } = laprop(parameters, clipped, moments, biasCorrection(i + 1), rate));
          const after = read(parameters);
          assertClose(after.subarray(0, 9), vector(params_after[i]!), 2e-7, `after update ${i + 1}`);
          assert.deepEqual(after.subarray(9), Float32Array.from(start), `update ${i + 1} without a gradient`);
        }
      });
    });

    test('LaProp moves by the learning rate however small the gradient, down to ε', () => {
      tf.tidy(() => {
        const sizes = [1, 1e-10, 1e-15, 3e-18, 1e-18, 1e-19, 1e-21];
        let parameters = tf.zeros([1, sizes.length]) as tf.Tensor2D;
        let moments: AdamMoments = zeroMoments(1, sizes.length);
        const gradient = tf.tensor2d([sizes]);
        const rate = tf.tensor2d([[0.01]]);
        for (let t = 1; t <= 50; t++) {
          ({ parameters, moments } = laprop(parameters, gradient, moments, biasCorrection(t), rate));
        }
        const wanted = sizes.map((g) => (-0.5 * g) / (g + 1e-20));
        assertRelative(read(parameters), wanted, 1e-4);
      });
    });

    test('Adam takes the steps of the reference', () => {
      tf.tidy(() => {
        let parameters = tf.tensor2d([vector(optimizer.params)]);
        let moments: AdamMoments = zeroMoments(1, 9);
        const rate = tf.tensor2d([[optimizer.adam.lr]]);
        for (const [i, values] of optimizer.gradients.entries()) {
          const gradient = tf.tensor2d([vector(values)]);
          const norm = globalNorm(gradient);
          const correction = biasCorrection(i + 1);
          ({ parameters, moments } = adam(parameters, gradient, norm, moments, correction, rate, 1e9));
          assertClose(read(parameters), vector(optimizer.adam.params_after[i]!), 2e-7, `update ${i + 1}`);
        }
      });
    });

    test('adaptive clipping bounds each parameter by its own norm and leaves small gradients alone', () => {
      tf.tidy(() => {
        const norm = (x: ArrayLike<number>) => Math.hypot(...Array.from(x));
        const parameters = upload(normals(1, 'parameters', [2, 9])) as tf.Tensor2D;
        const gradient = upload(normals(1, 'gradient', [2, 9])) as tf.Tensor2D;
        const small = tf.mul(gradient, 1e-3) as tf.Tensor2D;
        assert.deepEqual(read(adaptiveClip(layout, parameters, small, 0.3)), read(small));

        // Only the second member's second parameter is too much.
        const scale = tf.tensor2d([
          new Array<number>(9).fill(1e-3),
          [...still.slice(3).fill(1e-3), 1e4, 1e4, 1e4],
        ]);
        const mixed = tf.mul(gradient, scale) as tf.Tensor2D;
        const [before, clipped] = [read(mixed), read(adaptiveClip(layout, parameters, mixed, 0.3))];
        assert.deepEqual(clipped.subarray(0, 15), before.subarray(0, 15));
        const limit = 0.3 * norm(read(parameters).subarray(15));
        const factor = limit / norm(before.subarray(15));
        assertClose(
          clipped.subarray(15),
          before.subarray(15).map((x) => x * factor),
          1e-5,
        );

        // One that is 0 counts as of norm 10⁻³.
        const none = tf.zeros([2, 9]) as tf.Tensor2D;
        const first = read(adaptiveClip(layout, none, gradient, 0.3));
        for (const [begin, end] of [
          [0, 6],
          [6, 9],
          [9, 15],
          [15, 18],
        ] as const) {
          assertRelative([norm(first.subarray(begin, end))], [3e-4], 1e-5);
        }
        assert.ok(read(adaptiveClip(layout, parameters, none, 0.3)).every((x) => x === 0));
      });
    });

    test('all of it can be recorded as one program', () => {
      const f = ({ x, logits, target, weight, bias, parameters, gradient }: Record<string, tf.Tensor>) => {
        const loss = (...[x, logits, weight, bias]: tf.Tensor[]) => {
          const scale = tf.add(bias!, 1);
          const y = normDense(symlog(x!), [{ weight: weight!, bias: bias!, scale }], 'silu');
          const logP = mixedLogProbabilities(tf.add(logits!, tf.mean(y)), 0.01);
          const sample = sampleCategorical(logP, undefined);
          const kl = categoricalKl(logP, tf.mul(logP, sample));
          const mean = { mean: twoHotMean(logits!, smallBins), std: symexp(tf.add(target!, 3)) };
          const other = { mean: target!, std: tf.exp(twoHotLoss(logits!, target!, smallBins)) };
          return tf.add(tf.sum(kl), tf.sum(gaussianKl(mean, other))) as tf.Scalar;
        };
        const { value, grads } = tf.valueAndGrads(loss)([x!, logits!, weight!, bias!]);
        const [before, slope] = [parameters as tf.Tensor2D, gradient as tf.Tensor2D];
        const correction = { mean: tf.scalar(10), square: tf.scalar(1000) };
        const clipped = adaptiveClip(layout, before, slope, 0.3);
        const rate = tf.fill([2, 1], 0.1) as tf.Tensor2D;
        const { parameters: next } = laprop(before, clipped, zeroMoments(2, 9), correction, rate);
        const range = movingRange(tf.zeros([2, 2]), slope, 0.1);
        return { value, next, range, ...Object.fromEntries(grads.map((x, i) => [`gradient ${i}`, x])) };
      };
      const compiled = new Compiled(f);
      tf.tidy(() => {
        for (const seed of [1, 2]) {
          const given = Object.fromEntries(
            Object.entries({
              x: [2, 3, 4],
              logits: [2, 3, 7],
              target: [2, 3],
              weight: [2, 2, 2, 3],
              bias: [2, 6],
              parameters: [2, 9],
              gradient: [2, 9],
            }).map(([name, shape]) => [name, upload(normals(seed, name, shape))]),
          );
          const wanted = f(given) as Record<string, tf.Tensor>;
          const actual = compiled.run(given) as Record<string, tf.Tensor>;
          for (const [name, x] of Object.entries(wanted))
            assertClose(read(actual[name]!), read(x), 1e-4, name);
        }
      });
      compiled.dispose();
    });
  });
}

describe('layers with norm', () => {
  before(async () => {
    await startEngine('cpu');
  });

  test('are named and shaped as their parameters, of variance 1 over all inputs', () => {
    const specs = [
      ...normLayerSpecs('first', 100, 60, true),
      ...normLayerSpecs('plain', 40, 50, false, 0.1),
      ...blockLayerSpecs('blocks', 4, 200, 80, true),
    ];
    assert.deepEqual(
      specs.map(({ name, shape }) => [name, ...shape]),
      [
        ['first.weight', 100, 60],
        ['first.bias', 60],
        ['first.scale', 60],
        ['plain.weight', 40, 50],
        ['plain.bias', 50],
        ['blocks.weight', 4, 50, 20],
        ['blocks.bias', 80],
        ['blocks.scale', 80],
      ],
    );
    tf.tidy(() => {
      const parameters = new ParameterLayout(specs);
      const named = parameters.unpack(parameters.initialise([RandomStream.named(1, 'weights')]));
      for (const [name, deviation] of [
        ['first', 0.1],
        ['plain', 0.1 / Math.sqrt(40)],
        ['blocks', 1 / Math.sqrt(200)],
      ] as const) {
        const values = read(named.get(`${name}.weight`));
        const measured = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
        assertClose([measured / deviation], [1], 0.05, name);
        assert.ok(values.every((x) => Math.abs(x) <= 2.2737 * deviation));
        assert.ok(read(named.get(`${name}.bias`)).every((x) => x === 0));
      }
      const { weight, scale } = normLayer(named, 'first', true);
      assert.deepEqual([weight.shape, [...new Set(read(scale!))]], [[1, 100, 60], [1]]);
      assert.equal(normLayer(named, 'plain', false).scale, undefined);
    });
    assert.throws(
      () => blockLayerSpecs('odd', 3, 6, 8, true),
      /3 blocks of one size cannot have 6 inputs and 8/,
    );
  });

  test('two-hot bins are an odd number, dense around 0', () => {
    assert.deepEqual([...twoHotBins(3, Math.log(3))], [-2, 0, 2].map(Math.fround));
    for (const count of [1, 4, 2.5]) assert.throws(() => twoHotBins(count, 8), /odd number of bins/);
    for (const limit of [0, -1, NaN]) assert.throws(() => twoHotBins(5, limit), /positive limit/);
  });
});
