import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { stopGradient } from '../src/engine/stop-gradient.ts';
import { type Unrolled, unrolledLoss, unrolledTerms } from '../src/methods/muzero/losses.ts';
import { type MuzeroSettings, muzeroSettings } from '../src/methods/muzero/settings.ts';
import { shrunkReturnSteps, windowTargets } from '../src/methods/muzero/targets.ts';
import type { UnrolledModel } from '../src/models/value-equivalent/model.ts';
import { transformedCode } from '../src/models/value-equivalent/scalars.ts';
import { crossEntropy } from '../src/nn/categorical.ts';
import { cosineSimilarity } from '../src/nn/distributions.ts';
import { type LatentNorm, normaliseLatent } from '../src/nn/latent-norm.ts';
import { dense, type Layer } from '../src/nn/linear.ts';
import { inverseTransformed, supportFor, transformed } from '../src/nn/value-transform.ts';
import { importanceWeights, Priorities } from '../src/training/priorities.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, read, reference, second } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type LayerValues = Record<'w' | 'b', Nested>;
const NETWORKS = ['enc', 'dyn', 'rew', 'val', 'pol', 'obs', 'proj', 'pred'] as const;
type Networks<T> = Record<(typeof NETWORKS)[number], T[]>;
type Target = 'observation' | 'reward' | 'value' | 'policy' | 'self';

const losses = reference<{
  parameters: Networks<LayerValues>;
  observations: Nested;
  actions: number[][];
  valueTargets: Nested;
  rewardTargets: number[][];
  policyTargets: Nested;
  valueMask: Nested;
  policyMask: Nested;
  rewardMask: number[][];
  consistencyMask: number[][];
  importanceWeights: Nested;
  cases: {
    config: {
      norm: 'minmax' | 'layer';
      residual: number;
      halfFirst: boolean;
      trunk: Target[];
      weights: Record<Target, number>;
    };
    loss: number;
    terms: Record<Target, number>;
    gradients: Networks<LayerValues>;
  }[];
}>('loss.json.gz', 'muzero');

/** A step's numbers from the first state on, of which the first has none. */
const fromFirst = (first: number, rows: number[][]): Nested => rows.map((row) => [first, ...row]);

/** The reference's windows as the second of two members. */
const windows = (): Unrolled => ({
  observation: second(losses.observations) as tf.Tensor4D,
  action: second(losses.actions.map((row) => row.map((a) => [1 - a, a]))) as tf.Tensor4D,
  reward: second(fromFirst(0, losses.rewardTargets)) as tf.Tensor3D,
  rewardKnown: second(fromFirst(0, losses.rewardMask)) as tf.Tensor3D,
  goesOn: second(fromFirst(1, losses.consistencyMask)) as tf.Tensor3D,
  value: second(losses.valueTargets) as tf.Tensor3D,
  valueKnown: second(losses.valueMask) as tf.Tensor3D,
  policy: second(losses.policyTargets) as tf.Tensor4D,
  acted: second(losses.policyMask) as tf.Tensor3D,
  observed: second(fromFirst(1, losses.consistencyMask)) as tf.Tensor3D,
  weight: second(losses.importanceWeights) as tf.Tensor2D,
});

/** The reference's model, tanh between two layers each. */
function tanhModel(tensors: readonly tf.Tensor[], norm: LatentNorm, residual: number): UnrolledModel {
  const networks = Object.fromEntries(
    NETWORKS.map((name, i): [string, Layer[]] => [
      name,
      [0, 1].map((layer) => ({
        weight: tensors[i * 4 + 2 * layer]!,
        bias: tensors[i * 4 + 2 * layer + 1]!,
      })),
    ]),
  );
  const network = (name: (typeof NETWORKS)[number]) => (x: tf.Tensor) =>
    dense(x, networks[name]!, true, 'tanh');
  return {
    encode: (observation) => normaliseLatent(network('enc')(observation), norm),
    next: (latent, action) => {
      const change = network('dyn')(tf.concat([latent, action], 2));
      return normaliseLatent(tf.add(tf.mul(latent, residual), change), norm);
    },
    rewardOutput: network('rew'),
    valueOutput: network('val'),
    policyOutput: network('pol'),
    decode: network('obs'),
    project: network('proj'),
    predict: network('pred'),
  };
}

for (const engine of processorEngines) {
  describe(`MuZero's parts on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('the unrolled loss and its gradients, whoever shapes the latents', () => {
      for (const [i, { config, loss, terms, gradients }] of losses.cases.entries()) {
        tf.tidy(() => {
          const settings: MuzeroSettings = muzeroSettings.parse({
            predict: config.weights,
            shapesModel: config.trunk,
            halvedAtFirst: config.halfFirst,
          });
          const values = NETWORKS.flatMap((name) => losses.parameters[name].flatMap(({ w, b }) => [w, b]));
          const code = transformedCode(4);
          const seen: Record<string, tf.Tensor1D>[] = [];
          const lossOf = (...tensors: tf.Tensor[]) => {
            const norm = config.norm === 'layer' ? 'layer' : 'min-max';
            const model = tanhModel(tensors, norm, config.residual);
            const given = windows();
            const later = tf.slice(given.observation, [0, 0, 1, 0], [-1, -1, -1, -1]);
            const observed = stopGradient(() => model.project!(model.encode(later)));
            const of = unrolledTerms(model, code, given, observed, settings);
            const total = unrolledLoss(of.terms, settings);
            const all = { ...of.terms, loss: total };
            for (const term of Object.values(all)) tf.keep(term);
            seen.push(all as Record<string, tf.Tensor1D>);
            return tf.sum(total) as tf.Scalar;
          };
          const { grads } = tf.valueAndGrads(lossOf)(values.map(second));
          const what = `case ${i}`;
          assertClose(ofSecond(seen[0]!.loss!), [loss], 1e-5, what);
          for (const [name, term] of Object.entries(terms)) {
            assertClose(ofSecond(seen[0]![name]!), [term], 1e-5, `${name} of ${what}`);
          }
          const wanted = NETWORKS.flatMap((name) => gradients[name].flatMap(({ w, b }) => [w, b]));
          for (const [at, gradient] of grads.entries()) {
            const name = NETWORKS[Math.floor(at / 4)]!;
            assertClose(ofSecond(gradient), flat(wanted[at]!), 2e-5, `gradient of ${name} in ${what}`);
          }
          for (const term of Object.values(seen[0]!)) term.dispose();
        });
      }
    });

    test('numbers on the transformed support, and their inverse', () => {
      const { inverse, support, logits } = reference<{
        inverse: { y: number; x: number }[];
        support: { S: number; x: number; h: number; encoded: [number, number][]; decoded: number }[];
        logits: { S: number; logits: number[]; value: number }[];
      }>('transform.json.gz', 'muzero');
      const relative = (found: Float32Array, wanted: number[], what: string) => {
        for (const [i, x] of wanted.entries()) {
          assert.ok(Math.abs(found[i]! - x) <= 1e-6 * Math.max(1, Math.abs(x)), `${what} ${x}: ${found[i]}`);
        }
      };
      tf.tidy(() => {
        const column = (values: number[]) => tf.tensor2d(values, [1, values.length]);
        relative(
          read(transformed(column(support.map(({ x }) => x)))),
          support.map(({ h }) => h),
          'h of',
        );
        relative(
          read(inverseTransformed(column(inverse.map(({ y }) => y)))),
          inverse.map(({ x }) => x),
          'the inverse',
        );
        for (const { S, x, encoded, decoded } of support) {
          const code = transformedCode(S);
          const weights = new Float32Array(2 * S + 1);
          for (const [bin, weight] of encoded) weights[bin] = weight;
          // The loss against logits of a uniform distribution but for one bin says that bin's weight.
          const logits = tf.tensor3d([...new Float32Array(weights.length)], [1, 1, weights.length]);
          const target = tf.tensor2d([[x]]);
          const gradient = tf.grad((y) => code.loss(y, target))(logits);
          const uniform = 1 / weights.length;
          assertClose(
            read(gradient).map((g) => uniform - g),
            weights,
            2e-6,
            `${x} on ${S}`,
          );
          const logOf = [...weights].map((p) => Math.log(Math.max(p, 1e-30)));
          assertClose(read(code.mean(tf.tensor3d([[logOf]]))), [decoded], 3e-6, `${x} on ${S}`);
        }
        for (const { S, logits: own, value } of logits) {
          assertClose(read(transformedCode(S).mean(tf.tensor3d([[own]]))), [value], 3e-6);
        }
      });
    });

    test('gradients of latent norms, cross entropies and cosines are those of finite differences', () => {
      const cases: [string, (x: tf.Tensor) => tf.Tensor][] = [
        ['layer', (x) => normaliseLatent(x, 'layer')],
        ['min-max', (x) => normaliseLatent(x, 'min-max')],
        ['min-max of a least range', (x) => normaliseLatent(tf.mul(x, 1e-7), 'min-max')],
        [
          'cross entropy',
          (x) =>
            crossEntropy(
              x,
              tf.tensor3d([
                [
                  [0.2, 0.5, 0.3, 0],
                  [0, 0, 0, 0],
                ],
              ]),
            ),
        ],
        ['cosine', (x) => cosineSimilarity(x, upload(normals(7, 'y', [1, 2, 4])))],
        [
          'cosine of two that move',
          (x) => cosineSimilarity(x, tf.add(tf.reverse(x, 2), upload(normals(7, 'y', [1, 2, 4]))), true),
        ],
      ];
      for (const [name, f] of cases) {
        tf.tidy(() => {
          const x = upload(normals(5, 'x', [1, 2, 4]));
          const value = f(x);
          const weights = upload(normals(6, 'weights', value.shape));
          const lossAt = (at: tf.Tensor) => read(tf.sum(tf.mul(f(at), weights)))[0]!;
          const gradient = tf.grad((at) => tf.sum(tf.mul(f(at), weights)))(x);
          const direction = upload(normals(8, 'direction', x.shape));
          const step = 5e-3;
          const [ahead, behind] = [step, -step].map((h) => lossAt(tf.add(x, tf.mul(direction, h))));
          const slope = read(tf.sum(tf.mul(gradient, direction)))[0]!;
          assertClose([slope], [(ahead! - behind!) / (2 * step)], 3e-3, name);
        });
      }
    });
  });
}

describe("MuZero's targets", () => {
  test('n-step returns, absorbing states past an end and nothing past a cut', () => {
    const { episodes, cases } = reference<{
      episodes: { T: number; ended: 'terminal' | 'truncated'; rewards: number[]; values: number[] }[];
      cases: {
        episode: number;
        n: number;
        gamma: number;
        K: number;
        start: number;
        targets: {
          value: number;
          valueMask: number;
          policyMask: number;
          bootstrapState: number | null;
          reward?: number;
          rewardMask?: number;
          consistencyMask?: number;
        }[];
      }[];
    }>('nstep.json.gz', 'muzero');
    for (const [i, { episode, n, gamma, K, start, targets }] of cases.entries()) {
      const { T, ended, rewards, values } = episodes[episode]!;
      const length = K + n + 1;
      // The episode from the window's start on, then the next one.
      const steps = {
        reward: [...rewards.slice(start), ...Array<number>(length).fill(9)].slice(0, length),
        terminated: [...rewards.keys(), ...Array<number>(length).fill(-1)]
          .map((t) => Number(t === T - 1 && ended === 'terminal'))
          .slice(start, start + length),
        first: Array.from({ length }, (_, t) => Number(t + start === 0 || t + start === T)),
      };
      const found = windowTargets(steps, K, n, gamma, true);
      for (const [k, wanted] of targets.entries()) {
        const what = `state ${k} of case ${i}`;
        const { bootstrapState } = wanted;
        const from = found.bootstrap[k]! < 0 ? null : found.bootstrap[k]! + start;
        const value = found.received[k]! + (from === null ? 0 : found.discount[k]! * values[from]!);
        assert.ok(Math.abs(value - wanted.value) < 1e-9, `${what}: ${value}`);
        assert.equal(found.valueKnown[k], wanted.valueMask, what);
        assert.equal(found.goesOn[k], Number(ended === 'truncated' || start + k < T), what);
        assert.equal(found.acted[k], wanted.policyMask, what);
        assert.equal(from, bootstrapState, what);
        if (k === 0) continue;
        assert.equal(found.reward[k]! * found.rewardKnown[k]!, wanted.reward, what);
        assert.equal(found.rewardKnown[k], wanted.rewardMask, what);
        assert.equal(found.observed[k], wanted.consistencyMask, what);
      }
    }
  });

  test('where the last observation has no value, the state before it gives one', () => {
    const steps = {
      reward: [1, 2, 3, 9, 9, 9, 9, 9],
      terminated: Array<number>(8).fill(0),
      first: [0, 0, 0, 1, 0, 0, 0, 0],
    };
    const { received, bootstrap, discount, valueKnown } = windowTargets(steps, 4, 3, 0.5, false);
    assert.deepEqual([...received], [2, 2, 0, 0, 0]);
    assert.deepEqual([...bootstrap], [2, 2, 2, -1, -1]);
    assert.deepEqual([...discount.subarray(0, 3)], [0.25, 0.5, 1]);
    assert.deepEqual([...valueKnown], [1, 1, 1, 0, 0]);
  });

  test('prioritised replay draws and weighs as the reference, and returns of old data shrink', () => {
    const { cases, offPolicy } = reference<{
      cases: {
        alpha: number;
        beta: number;
        priorities: number[];
        probabilities: number[];
        indices: number[];
        weights: number[];
        uniforms: number[];
        inverseCdf: number[];
      }[];
      offPolicy: { index: number; total: number; td: number; auto: number; n: number }[];
    }>('per.json', 'muzero');
    for (const one of cases) {
      const { alpha, beta, priorities, probabilities, indices, weights, uniforms, inverseCdf } = one;
      const slots = new Priorities(priorities.length + 3, { alpha });
      for (const [slot, priority] of priorities.entries()) {
        slots.add(slot);
        slots.set(slot, slot % 2 ? priority : -priority);
      }
      // The last of three more is there for a while.
      slots.add(priorities.length + 2);
      slots.remove(priorities.length + 2);
      const found = priorities.map((_, slot) => slots.probability(slot));
      assertClose(found, probabilities, 1e-5);
      assert.deepEqual(
        uniforms.map((u) => slots.find(u)),
        inverseCdf,
      );
      assertClose(
        importanceWeights(
          indices.map((i) => probabilities[i]!),
          priorities.length,
          beta,
        ),
        weights,
        1e-9,
      );
    }
    for (const { index, total, td, auto, n } of offPolicy) {
      assert.equal(shrunkReturnSteps(td, total - index, auto), n);
    }
  });

  test('a support reaches as far as h of the largest value', () => {
    // CartPole-v1's values with γ = 0.997 and 0.99.
    assert.deepEqual([1 / (1 - 0.997), 1 / (1 - 0.99)].map(supportFor), [18, 10]);
  });
});
