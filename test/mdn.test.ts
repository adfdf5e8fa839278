import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import {
  type Mixture,
  mixtureLogLikelihood,
  mixtureOf,
  mixtureOutputs,
  sampleMixture,
} from '../src/nn/mixture.ts';
import { memberMean } from '../src/training/reduce.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, read, reference, second, tensor } from './support/reference.ts';
import { assertClose } from './support/tensors.ts';

interface Likelihood {
  nll: number;
  gradLogit: Nested;
  gradMean: Nested;
  gradLogstd: Nested;
}

const { logit, jointLogit, mean, logstd, target, perDimension, joint, sampling } = reference<{
  logit: number[][][];
  jointLogit: number[][];
  mean: number[][][];
  logstd: number[][][];
  target: Nested;
  perDimension: Likelihood;
  joint: Likelihood;
  sampling: {
    uniforms: number[][];
    normals: Nested;
    perDimension: Record<string, { z: Nested }>;
    jointTau1: { z: Nested };
  };
}>('mdn.json', 'ha-schmidhuber');

/** [B, K, Z] -> [B, Z, K] */
const byDimension = (x: number[][][]): number[][][] =>
  x.map((rows) => rows[0]!.map((_, z) => rows.map((row) => row[z]!)));
const ofVector = jointLogit.map((row) => [row]);
const nestedOf = { mean: byDimension(mean), logStd: byDimension(logstd) };
const logits = { factored: byDimension(logit), joint: ofVector };

/** Two members, the second with the reference's numbers. */
const mixture = (kind: 'factored' | 'joint'): Mixture => ({
  logits: second(logits[kind]),
  mean: second(nestedOf.mean),
  logStd: second(nestedOf.logStd),
});

for (const engine of processorEngines) {
  describe(`mixtures of Gaussians on ${engine}`, () => {
    before(() => startEngine(engine));

    for (const kind of ['factored', 'joint'] as const) {
      test(`the likelihood and its gradients, ${kind}`, () => {
        const wanted = kind === 'factored' ? perDimension : joint;
        tf.tidy(() => {
          const given = mixture(kind);
          const nll = (...[logits, mean, logStd]: tf.Tensor[]) =>
            tf.neg(
              memberMean(
                mixtureLogLikelihood(
                  { logits: logits!, mean: mean!, logStd: logStd! } as Mixture,
                  second(target),
                ),
              ),
            );
          const parts = [given.logits, given.mean, given.logStd];
          assertClose([ofSecond(nll(...parts))[0]!], [wanted.nll], 2e-6);
          const gradients = tf.grads((...x: tf.Tensor[]) => tf.sum(nll(...x)) as tf.Scalar)(parts);
          const ofLogits =
            kind === 'factored' ? byDimension(wanted.gradLogit as number[][][]) : wanted.gradLogit;
          const rest = [wanted.gradMean, wanted.gradLogstd].map((x) => byDimension(x as number[][][]));
          for (const [i, of] of [ofLogits, ...rest].entries()) {
            assertClose(ofSecond(gradients[i]!), flat(of), 2e-6, `gradient ${i}`);
          }
        });
      });
    }

    test('samples at each temperature from the same draws', () => {
      tf.tidy(() => {
        const normal = second(sampling.normals);
        const noise = { uniform: second(sampling.uniforms), normal };
        for (const [temperature, { z }] of Object.entries(sampling.perDimension)) {
          const tau = tf.scalar(Number(temperature));
          assertClose(ofSecond(sampleMixture(mixture('factored'), tau, noise)), flat(z), 2e-6, temperature);
        }
        const ofVector = { uniform: second(sampling.uniforms.map((row) => [row[0]!])), normal };
        const drawn = sampleMixture(mixture('joint'), 1, ofVector);
        assertClose(ofSecond(drawn), flat(sampling.jointTau1.z), 2e-6, 'joint');
        // Without noise it is what the least temperatures come to: the means of the likeliest components.
        const cold = sampleMixture(mixture('factored'), 1e-6, noise);
        assertClose(ofSecond(sampleMixture(mixture('factored'), 1, undefined)), ofSecond(cold), 5e-3);
      });
    });

    test("a network's outputs are cut into weights, means and deviations, and log σ has a floor", () => {
      tf.tidy(() => {
        const shape = { kind: 'joint', dimensions: 2, components: 3 } as const;
        assert.equal(mixtureOutputs(shape), 15);
        assert.equal(mixtureOutputs({ ...shape, kind: 'factored' }), 18);
        const numbers = Array.from({ length: 15 }, (_, i) => i - 16);
        const { logits, mean, logStd } = mixtureOf(tensor([numbers]), shape);
        assert.deepEqual(
          [logits, mean, logStd].map((x) => x.shape),
          [
            [1, 1, 3],
            [1, 2, 3],
            [1, 2, 3],
          ],
        );
        assert.deepEqual([...read(logits)], [-16, -15, -14]);
        assert.deepEqual([...read(mean)], [-13, -12, -11, -10, -9, -8]);
        assert.deepEqual([...read(logStd)], [-7, -6, -5, -4, -3, -2]);
        const floored = mixtureOf(tensor([numbers.map((x) => x - 4)]), shape).logStd;
        assert.deepEqual([...read(floored)], [-7, -7, -7, -7, -7, -6]);
        // A density of what is always the same stays finite, and so does its gradient.
        const slope = tf.grad((x: tf.Tensor) =>
          tf.sum(mixtureLogLikelihood(mixtureOf(x, shape), tf.zeros([1, 2]))),
        )(tf.fill([1, 15], -90));
        assert.ok(read(slope).every(Number.isFinite));
        assert.deepEqual([...read(slope).slice(9)], [0, 0, 0, 0, 0, 0]);
      });
    });
  });
}
