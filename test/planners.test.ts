import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { scope } from '../src/engine/scope.ts';
import { type BestSoFar, better, iteration } from '../src/planning/cem.ts';
import { colouring } from '../src/planning/coloured-noise.ts';
import * as improved from '../src/planning/icem.ts';
import { predictedReturns } from '../src/planning/judge.ts';
import * as pathIntegral from '../src/planning/mppi.ts';
import { type Proposal, proposalFamily } from '../src/planning/proposals.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, read, reference, tensor } from './support/reference.ts';
import { pairOf } from './support/tdmpc-reference.ts';
import { type Tdmpc2Reference, tdmpc2Model } from './support/tdmpc2-model.ts';
import { assertClose } from './support/tensors.ts';
import { box, settingsOf } from './support/walk-planning.ts';

/** −Σ |a − target|² − 0.3 Σ |a_{t+1} − a_t|² of plans: [rows, plans, horizon, actions] -> [rows, plans]. */
function quadratic(plans: tf.Tensor4D, target: Nested): tf.Tensor2D {
  const [rows, each, horizon, actions] = plans.shape;
  const from = (t: number) => tf.slice(plans, [0, 0, t, 0], [rows, each, horizon - 1, actions]);
  const missed = tf.sum(tf.squaredDifference(plans, tensor(target)), [2, 3]);
  const jerked = tf.sum(tf.squaredDifference(from(1), from(0)), [2, 3]);
  return tf.neg(tf.add(missed, tf.mul(jerked, 0.3)));
}

interface CemReference {
  alpha: number;
  elites: number;
  target: Nested;
  gaussianNoise: Nested[];
  truncatedNoise: Nested[];
  cases: {
    sampling: 'clipped' | 'truncated';
    varianceCorrection: 0 | 1;
    iterations: { values: number[]; eliteIndices: number[]; mean: Nested; dispersion: Nested }[];
    best: Nested;
    bestValue: number;
  }[];
}

interface IcemReference {
  alpha: number;
  decay: number;
  elites: number;
  horizon: number;
  initialStd: number;
  iterations: number;
  keptFraction: number;
  samples: number;
  colouredNoise: Record<'real' | 'imaginary' | 'series', number[][]> & { length: number; exponent: number };
  steps: {
    target: Nested;
    action: number[];
    iterations: {
      samples: number;
      noise: Nested;
      noiseOfLastActions: Nested | null;
      values: number[];
      eliteIndices: number[];
      mean: Nested;
      std: Nested;
    }[];
  }[];
}

interface PlanReference {
  chosenElite: number;
  evaluationAction: number[];
  trainingAction: number[];
  nextPreviousMean: Nested;
  policyActions: number[][][];
  iterations: {
    values: number[];
    eliteIndices: number[];
    weights: number[];
    mean: Nested;
    std: Nested;
  }[];
}

interface MppiReference extends Tdmpc2Reference {
  config: Record<
    'samples' | 'policyTrajectories' | 'elites' | 'iterations' | 'temperature' | 'minStd' | 'maxStd',
    number
  >;
  gamma: number;
  observation: number[];
  previousMean: number[][];
  noise: {
    policy: number[][][];
    samples: number[][][][];
    leaf: Nested[];
    heads: number[][];
    gumbel: number[];
    final: number[];
  };
  result: PlanReference;
  firstStep: PlanReference;
}

interface CategoricalReference {
  categoricalMppi: Record<'temperature' | 'elites' | 'momentum' | 'floor', number> & {
    sequences: number[][];
    values: number[];
    eliteIndices: number[];
    weights: number[];
    probabilities: Nested;
    nextProbabilities: Nested;
  };
}

for (const engine of processorEngines) {
  describe(`planners on ${engine} equal their references`, () => {
    before(() => startEngine(engine));

    const cem = reference<CemReference>('cem.json', 'planning');
    for (const { sampling, varianceCorrection, iterations, best, bestValue } of cem.cases) {
      const unbiased = varianceCorrection === 1;
      test(`the cross-entropy method, ${sampling}, ${unbiased ? 'unbiased' : 'biased'}`, () => {
        const { alpha, elites, target } = cem;
        const noise = sampling === 'clipped' ? cem.gaussianNoise : cem.truncatedNoise;
        scope(() => {
          const family = proposalFamily(box(2), { momentum: alpha, sampling, unbiased });
          let proposal: Proposal = family.around(tf.zeros([1, 4, 2]));
          let found: BestSoFar | undefined;
          for (const [i, wanted] of iterations.entries()) {
            const drawn = tensor([noise[i]!]) as tf.Tensor4D;
            const done = iteration(family, proposal, drawn, elites, (plans) => quadratic(plans, target));
            assertClose(read(done.returns), wanted.values, 1e-5, `returns ${i}`);
            assert.deepEqual([...read(done.elites)], wanted.eliteIndices);
            ({ proposal } = done);
            assertClose(read(proposal.mean), flat(wanted.mean), 1e-5, `mean ${i}`);
            assertClose(read(proposal.dispersion!), flat(wanted.dispersion), 1e-5, `dispersion ${i}`);
            found = better(found, done);
          }
          assertClose(read(found!.plan), flat(best));
          assertClose(read(found!.return), [bestValue]);
        });
      });
    }

    test('iCEM, three decisions in a row', () => {
      const icem = reference<IcemReference>('icem.json', 'planning');
      const { horizon, elites, steps } = icem;
      const settings = settingsOf('icem', {
        ...{ horizon, elites, candidates: icem.samples, iterations: icem.iterations },
        ...{ momentum: icem.alpha, initialStd: icem.initialStd, keptElites: icem.keptFraction },
        decay: icem.decay,
      });
      scope(() => {
        let remembered: tf.Tensor4D = tf.zeros([1, 1 + elites * icem.keptFraction, horizon, 2]);
        for (const [t, { target, action, iterations }] of steps.entries()) {
          assert.deepEqual(
            improved.populationsOf(settings),
            iterations.map(({ samples }) => samples),
          );
          const first = tf.fill([1, 1, 1], t === 0 ? 1 : 0) as tf.Tensor3D;
          const ofLast = iterations[0]!.noiseOfLastActions;
          const noise = ofLast
            ? (tensor([ofLast]) as tf.Tensor4D)
            : (tf.zeros([1, remembered.shape[1] - 1, horizon, 2]) as tf.Tensor4D);
          let search: improved.Search = improved.begin(settings, remembered, first, noise);
          let elitePlans: tf.Tensor4D | undefined;
          for (const [i, wanted] of iterations.entries()) {
            const drawn = tensor([wanted.noise]) as tf.Tensor4D;
            const isLast = i === iterations.length - 1;
            const done = improved.iteration(settings, search, drawn, isLast, (plans) =>
              quadratic(plans, target),
            );
            search = done.next;
            elitePlans = done.elitePlans;
            const what = `${i} of decision ${t}`;
            // The reference has no candidates that were kept where an episode starts.
            const returns = read(done.returns).subarray(0, wanted.values.length);
            assertClose(returns, wanted.values, 1e-5, `returns ${what}`);
            assert.deepEqual([...read(done.elites)], wanted.eliteIndices, what);
            assertClose(read(search.mean), flat(wanted.mean), 1e-5, `mean ${what}`);
            assertClose(read(search.std), flat(wanted.std), 1e-5, `σ ${what}`);
          }
          assertClose(read(elitePlans!).subarray(0, 2), action, 1e-5, `action ${t}`);
          remembered = tf.concat([tf.expandDims(search.mean, 1), search.kept!], 1) as tf.Tensor4D;
        }
      });
    });

    test('coloured noise', () => {
      const { colouredNoise } = reference<IcemReference>('icem.json', 'planning');
      const { real, imaginary, length, exponent, series } = colouredNoise;
      scope(() => {
        // The imaginary parts of the mean and of the highest frequency stand for nothing.
        const numbers = real.map((row, i) => [...row, ...imaginary[i]!.slice(1, -1)]);
        const found = tf.matMul(tensor(numbers) as tf.Tensor2D, colouring(length, exponent));
        assertClose(read(found), flat(series));
      });
    });

    for (const which of ['result', 'firstStep'] as const) {
      test(`MPPI, ${which === 'result' ? 'from the plan of the step before' : 'at the first step'}`, () => {
        const mppi = reference<MppiReference>('mppi_plan.json.gz', 'planning');
        const { config, noise, previousMean } = mppi;
        const wanted = mppi[which];
        const { samples, policyTrajectories, elites, iterations } = config;
        const horizon = previousMean.length;
        const actions = 2;
        const settings = settingsOf('mppi', {
          ...{ horizon, candidates: samples, policyTrajectories, elites, iterations },
          ...{ temperature: config.temperature, minStd: config.minStd, maxStd: config.maxStd },
          ...{ termination: 'hard', momentum: 0 },
        });
        scope(() => {
          const { model, head } = tdmpc2Model(mppi);
          const ground = {
            actionSpace: box(actions),
            actions,
            model,
            head,
            gamma: mppi.gamma,
            learntGamma: 1,
          };
          const planner = pathIntegral.mppi(settings, ground);
          // Time leads in the reference, plans do here.
          const byPlan = (x: number[][][]) => x[0]!.map((_, plan) => x.map((atStep) => atStep[plan]!));
          const given = [
            byPlan(noise.policy),
            ...noise.samples.flatMap((drawn, i) => [
              byPlan(drawn),
              pairOf(noise.heads[i]!, 5),
              noise.leaf[i]!,
            ]),
            noise.gumbel,
            noise.final,
          ].map((x) => tensor([[flat(x)]]) as tf.Tensor3D);
          assert.deepEqual(
            given.map(({ size }) => size),
            planner.noise.sampled.map(({ size }) => size),
          );
          const first = tf.fill([1, 1, 1], which === 'result' ? 0 : 1) as tf.Tensor3D;
          const state = model.start(tensor([[mppi.observation]]) as tf.Tensor3D);
          const problem = { model, state, first, memory: tensor([[flat(previousMean)]]) as tf.Tensor3D };
          const evaluated = planner.plan(problem, given.slice(0, -1));
          assertClose(read(evaluated.action), wanted.evaluationAction, 1e-5, 'evaluation');
          assertClose(read(evaluated.memory!), flat(wanted.nextPreviousMean), 1e-5, 'remembered');
          const trained = planner.plan(problem, given);
          assertClose(read(trained.action), wanted.trainingAction, 1e-5, 'training');

          // The same once more, iteration by iteration.
          const own = { horizon, termination: 'hard', bootstrap: mppi.gamma, learntGamma: 1 } as const;
          const policyPlans = tensor([byPlan(wanted.policyActions)]);
          const mean =
            which === 'result' ? [...previousMean.slice(1), [0, 0]] : previousMean.map(() => [0, 0]);
          let proposal: Proposal = {
            mean: tensor([mean]) as tf.Tensor3D,
            dispersion: tf.fill([1, horizon, actions], config.maxStd),
          };
          for (const [i, step] of wanted.iterations.entries()) {
            const drawn = tensor([byPlan(noise.samples[i]!)]) as tf.Tensor4D;
            const ofReturns = given.slice(2 + 3 * i, 4 + 3 * i);
            const done = pathIntegral.iteration(
              settings,
              proposal,
              policyPlans as tf.Tensor4D,
              drawn,
              (plans) => predictedReturns(model, own, state, plans, ofReturns),
            );
            // A search multiplies what float32 rounds of the iteration before.
            assertClose(read(done.returns), step.values, 3e-4, `returns ${i}`);
            assert.deepEqual([...read(done.elites)], step.eliteIndices);
            assertClose(read(done.weights), step.weights, 1e-4, `weights ${i}`);
            ({ proposal } = done);
            assertClose(read(proposal.mean), flat(step.mean), 1e-5, `mean ${i}`);
            assertClose(read(proposal.dispersion!), flat(step.std), 1e-5, `σ ${i}`);
          }
        });
      });
    }

    test('categorical MPPI', () => {
      const { categoricalMppi } = reference<CategoricalReference>('discrete.json', 'planning');
      const { sequences, values, probabilities, temperature, elites, momentum, floor } = categoricalMppi;
      scope(() => {
        const byPlan = sequences[0]!.map((_, plan) => sequences.map((atStep) => atStep[plan]!));
        const plans = oneHot(tf.tensor3d([byPlan], undefined, 'int32'), 3) as tf.Tensor4D;
        // Of likely choices and no noise, as many as there are others.
        const before = tensor([probabilities]) as tf.Tensor3D;
        const returns = tf.concat([tf.tensor2d([values]), tf.fill([1, 1], -1e3)], 1) as tf.Tensor2D;
        const done = pathIntegral.iteration(
          settingsOf('mppi', { temperature, elites, momentum, floor }),
          { mean: before },
          plans,
          tf.zeros([1, 1, 3, 3]),
          () => returns,
        );
        assert.deepEqual([...read(done.elites)], categoricalMppi.eliteIndices);
        assertClose(read(done.weights), categoricalMppi.weights);
        assertClose(read(done.proposal.mean), flat(categoricalMppi.nextProbabilities));
      });
    });
  });
}
