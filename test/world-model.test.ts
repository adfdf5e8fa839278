import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { effectiveRank } from '../src/effective-rank.ts';
import { startEngine } from '../src/engine/engine.ts';
import { linearProbe } from '../src/linear-probe.ts';
import { diagnose, type MeasuredModel } from '../src/models/diagnostics.ts';
import { imaginedRewards } from '../src/models/imagined-rewards.ts';
import { policyHead } from '../src/models/policy-head.ts';
import { rollOut } from '../src/models/roll-out.ts';
import { statesAt, type WorldModel } from '../src/models/world-model.ts';
import { RandomStream } from '../src/random/stream.ts';
import type { AgentSpaces } from '../src/training/agent-spaces.ts';
import { emptyBatch, type Sequences } from '../src/training/replay.ts';
import { AGEING, type Drift, driftModel, PUSH, SPREAD } from './support/drift-model.ts';
import { reference } from './support/reference.ts';
import { assertClose } from './support/tensors.ts';

/**
 * What is written over the verbs, tried on a family of which nothing else in wm knows: one with memory, with steps that
 * are sampled, and without a value or a continue head.
 */

const SCALE = [2, 0.5] as const;
const spaces: AgentSpaces = {
  observation: 2,
  observationScale: SCALE,
  rewardRange: [-1, 1],
  rewardScale: 1,
  actionSpace: { kind: 'discrete', n: 2 },
  actions: 2,
};
const head = policyHead(spaces.actionSpace);
const HORIZON = 3;

/** Sequences of random steps with an episode that starts in their middle, the last steps of the last one padding. */
function sequences(name: string, batch: number, time: number): Sequences {
  const random = RandomStream.named(3, name);
  const steps = { ...emptyBatch(1, batch, time, spaces), mask: new Float32Array(batch * time).fill(1) };
  random.fillNormal(steps.observation);
  random.fillNormal(steps.nextObservation);
  steps.action.forEach((_, at) => {
    steps.action[at] = random.integer(2);
    steps.first[at] = Number(at % time === 0 || at % time === 17);
  });
  steps.mask.fill(0, batch * time - 2);
  return steps;
}

/** Steps of the episode before step `at` of sequences that start anew at step 17. */
const age = (t: number) => (t < 17 ? t : t - 17);
const push = (action: number) => PUSH * (action - 0.5);
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Of each element, the mean over the steps taken of its squared error one step ahead, raw units. */
function oneStepErrors({ observation, nextObservation, action, mask, time }: Sequences): number[] {
  return SCALE.map((scale, element) =>
    mean(
      [...mask.keys()].flatMap((at) => {
        const drift = scale * (push(action[at]!) + AGEING * age(at % time));
        const error = observation[2 * at + element]! + drift - nextObservation[2 * at + element]!;
        return mask[at] === 1 ? [error ** 2] : [];
      }),
    ),
  );
}

function variance(values: Sequences['observation'], element: number): number {
  const own = [...values].filter((_, i) => i % 2 === element);
  return mean(own.map((x) => x ** 2)) - mean(own) ** 2;
}

/** Features of a step, which are what models see of its observation. */
const featuresAt = ({ observation }: Sequences, at: number) =>
  SCALE.map((scale, element) => observation[2 * at + element]! / scale);

/** Of two features over all held-out steps. */
function featureCovariance(one: number, other: number): number {
  const features = Array.from({ length: heldOut.observation.length / 2 }, (_, at) => featuresAt(heldOut, at));
  const means = [0, 1].map((i) => mean(features.map((x) => x[i]!)));
  return mean(features.map((x) => (x[one]! - means[one]!) * (x[other]! - means[other]!)));
}

/** Mean over the steps taken of the squared reward that the model predicts, where all are 0. */
const rewardError = (sequences: Sequences): number =>
  mean(
    [...sequences.mask.keys()].flatMap((at) => {
      if (sequences.mask[at] === 0) return [];
      const drift = push(sequences.action[at]!) + AGEING * age(at % sequences.time);
      return [featuresAt(sequences, at).reduce((sum, x) => sum + x + drift, 0) ** 2];
    }),
  );

/** Mean squared distance of features k steps after step 30, as the model predicts them or as they were, from those seen. */
function driftError(k: number, predicts = true): number {
  return mean(
    [0, 1].map((b) => {
      const start = b * heldOut.time + 30;
      const drift = Array.from(
        { length: k },
        (_, i) => push(heldOut.action[start + i]!) + AGEING * (age(30) + i),
      ).reduce((sum, x) => sum + x, 0);
      const later = featuresAt(heldOut, start + k);
      return featuresAt(heldOut, start).reduce(
        (sum, x, i) => sum + (x + (predicts ? drift : 0) - later[i]!) ** 2,
        0,
      );
    }),
  );
}

const { collapse } = reference<{ collapse: { latents: number[][]; effectiveRank: number } }>(
  'collapse.json',
  'planning',
);

const measured = (model: WorldModel<Drift>): MeasuredModel<Drift> => ({
  model,
  gamma: 0.5,
  imagined: { horizon: HORIZON, head, returns: (imagination) => imaginedRewards(model, imagination).reward },
});

/** Two sequences with warmed starts at their steps 10, after which an episode starts, and 30. */
const heldOut = sequences('held-out', 2, 46);
const own = [sequences('own 0', 1, 20), sequences('own 1', 1, 23)];
const streams = () => own.map((_, member) => RandomStream.named(member, 'noise'));

describe('over the verbs of any family', () => {
  before(async () => {
    await startEngine('cpu');
  });

  test('diagnosing measures what the family has, and nothing else', async () => {
    const rows = await diagnose(() => measured(driftModel), spaces, heldOut, own, streams());
    for (const [member, row] of rows.entries()) {
      const errors = oneStepErrors(heldOut);
      const ownErrors = oneStepErrors(own[member]!);
      const standardised = (of: readonly number[]) =>
        mean(of.map((error, element) => error / variance(heldOut.observation, element)));
      const expected = {
        prediction_mse: mean(errors),
        prediction_mse_standardised: standardised(errors),
        prediction_mse_own: mean(ownErrors),
        prediction_mse_own_standardised: standardised(ownErrors),
        reward_mse: rewardError(heldOut),
        reward_mse_own: rewardError(own[member]!),
        ...openLoopErrors(),
        dream_return: dreamReturn(member),
      };
      const found = Object.entries(row).filter(([, value]) => value !== null);
      assert.deepEqual(Object.keys(Object.fromEntries(found)), Object.keys(expected));
      const values = found.map(([, value]) => value as number);
      assertClose(values, Object.values(expected), 1e-4, `member ${member}`);
    }
  });

  test('a model that decodes nothing is measured in rewards and in how it predicts its own features', async () => {
    const { decode: _, ...blind } = driftModel;
    const rows = await diagnose(() => ({ model: blind, gamma: 0.5 }), spaces, heldOut, own, streams());
    for (const [member, row] of rows.entries()) {
      const [a, b, c] = [featureCovariance(0, 0), featureCovariance(0, 1), featureCovariance(1, 1)];
      const [deviations, root] = [[Math.sqrt(a), Math.sqrt(c)], Math.hypot((a - c) / 2, b)];
      const shares = [1, -1].map((sign) => ((a + c) / 2 + sign * root) / (a + c));
      const expected = {
        reward_mse: rewardError(heldOut),
        reward_mse_own: rewardError(own[member]!),
        ...Object.fromEntries([1, 5, 15].map((k) => [`consistency_${k}`, driftError(k) / (a + c)])),
        standstill_1: driftError(1, false) / (a + c),
        latent_std: mean(deviations),
        latent_std_min: Math.min(...deviations),
        effective_rank: Math.exp(-shares.reduce((sum, p) => sum + p * Math.log(p), 0)),
      };
      const found = Object.entries(row).filter(([, value]) => value !== null);
      assert.deepEqual(Object.keys(Object.fromEntries(found)), Object.keys(expected));
      const values = found.map(([, value]) => value as number);
      assertClose(values, Object.values(expected), 1e-4, `member ${member}`);
    }
  });

  test('a model with values is measured in what they make of its steps and of those observed', async () => {
    const { decode: _, ...blind } = driftModel;
    const gamma = 0.5;
    const slope = 3;
    const valued: WorldModel<Drift> = {
      ...blind,
      value: (features) => tf.mul(tf.sum(features, -1), slope * blind.valueScale),
    };
    const rewarded = {
      ...heldOut,
      reward: RandomStream.named(4, 'rewards').fillNormal(heldOut.reward.slice()),
    };
    const doubled = { ...spaces, rewardScale: 2 };
    const rows = await diagnose(() => ({ model: valued, gamma }), doubled, rewarded, own, streams());
    const sum = (x: readonly number[]) => x.reduce((a, b) => a + b, 0);
    for (const k of [1, 5, 15]) {
      const expected = mean(
        [0, 1].map((b) => {
          const start = b * heldOut.time + 30;
          let features = featuresAt(heldOut, start);
          let error = 0;
          for (let j = 0; j < k; j++) {
            const drift = push(heldOut.action[start + j]!) + AGEING * (age(30) + j);
            features = features.map((x) => x + drift);
            error += gamma ** j * (sum(features) - rewarded.reward[start + j]! / 2);
          }
          return Math.abs(error + gamma ** k * slope * (sum(features) - sum(featuresAt(heldOut, start + k))));
        }),
      );
      const found = rows.map((row) => row[`value_equivalence_${k}`] as number);
      assertClose(found, [2 * expected, 2 * expected], 1e-5, `${k} steps`);
    }
  });

  test("a probe reads the environment's own elements of the features, whatever the model decodes", async () => {
    const named = { ...spaces, ownElements: ['x'] };
    // Features that are the observation tell an element of it, one of them tells itself and not the other.
    const { decode: _, ...blind } = driftModel;
    const second: WorldModel<Drift> = {
      ...blind,
      features: ({ position }) => tf.split(position, 2, -1)[1]!,
    };
    const probed = async (model: WorldModel<Drift>, of: AgentSpaces = named) => {
      const rows = await diagnose(() => ({ model, gamma: 1, isProbed: true }), of, heldOut, own, streams());
      return rows.map((row) => [row.probe_r2, row.probe_r2_x] as const);
    };
    for (const [r2, ofX] of await probed(driftModel)) {
      assert.ok(r2! > 0.999999 && r2! < 1, `${r2}`);
      assert.equal(ofX, r2);
    }
    for (const [r2] of await probed(second)) assert.ok(Math.abs(r2!) < 0.15, `${r2}`);
    assert.deepEqual(await probed(driftModel, spaces), [
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test('how much of a state a linear function of latents tells', () => {
    const cases = reference<
      { name: string; latents: number[][]; state: number[][]; ridge: number; probeR2: number[] }[]
    >('probe.json', 'muzero');
    for (const { name, latents, state, ridge, probeR2 } of cases) {
      const half = (from: number) => ({
        ...{ x: latents.slice(from, from + 12).flat(), y: state.slice(from, from + 12).flat() },
        rows: 12,
      });
      const found = linearProbe(half(0), half(12), latents[0]!.length, state[0]!.length, ridge);
      assertClose(found as number[], probeR2, 1e-8, name);
    }
    const still = { x: [1, 2, 3], y: [5, 5, 5], rows: 3 };
    assert.deepEqual(linearProbe(still, still, 1, 1, 1e-3), [null]);
  });

  test('the effective rank of a covariance', () => {
    const { latents, effectiveRank: wanted } = collapse;
    const [rows, size] = [latents.length, latents[0]!.length];
    const means = latents[0]!.map((_, i) => mean(latents.map((row) => row[i]!)));
    const covariance = Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return latents.reduce((sum, row) => sum + (row[i]! - means[i]!) * (row[j]! - means[j]!), 0) / rows;
    });
    assertClose([effectiveRank(covariance, size)], [wanted], 1e-8);
    assert.equal(effectiveRank([4, 0, 0, 0], 2), 1);
    assertClose([effectiveRank([3, 0, 0, 3], 2)], [2], 1e-12);
    assert.equal(effectiveRank([0, 0, 0, 0], 2), 0);
  });

  test('a roll-out steps with the noise of each step, and carries all of a state from where it was picked', () => {
    tf.tidy(() => {
      const position = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [2, 1, 2, 2]);
      const states = { position, age: tf.tensor4d([0, 1, 0, 1], [2, 1, 2, 1]) };
      // The second step of the first member, the first of the second.
      const start = statesAt(states, tf.tensor2d([[1], [2]], [2, 1], 'int32'));
      const actions = tf.tensor4d([1, 0, 0, 1, 0, 1, 1, 0], [2, 1, 2, 2]);
      const noise = tf.tensor4d([1, 0, 0, 0, 0, 0, 0, 2], [2, 1, 2, 2]);
      const { features, nextFeatures } = rollOut(driftModel, start, { actions }, noise);
      const first = [3 - PUSH / 2 + AGEING + SPREAD, 4 - PUSH / 2 + AGEING];
      const second = [5 + PUSH / 2, 6 + PUSH / 2];
      assertClose(features.dataSync(), [3, 4, ...first, 5, 6, ...second]);
      assertClose(nextFeatures.dataSync(), [
        ...first,
        ...first.map((x) => x + PUSH / 2 + 2 * AGEING),
        ...second,
        second[0]! - PUSH / 2 + AGEING,
        second[1]! - PUSH / 2 + AGEING + 2 * SPREAD,
      ]);
    });
  });
});

/** Numbers of a member's stream as an imagination draws them: its actions, then its steps. */
function draws(member: number) {
  const random = streams()[member]!;
  return {
    actions: random.fillGumbel(new Float32Array(4 * HORIZON * 2)),
    steps: random.fillNormal(new Float32Array(4 * HORIZON * 2)),
  };
}

/** Of the likeliest steps. */
function openLoopErrors(): Record<string, number> {
  const { time, action, nextObservation } = heldOut;
  const ends = [30, time + 30].map((at) => {
    const moves = Array.from({ length: 15 }, (_, step) => push(action[at + step]!));
    return walk(at, moves).map((position, step) =>
      mean(
        SCALE.map((scale, element) => {
          const error = scale * position[element]! - nextObservation[2 * (at + step) + element]!;
          return error ** 2;
        }),
      ),
    );
  });
  return Object.fromEntries(
    [1, 5, 15].map((k) => [`open_loop_mse_${k}`, mean(ends.map((errors) => errors[k - 1]!))]),
  );
}

/** The first reward alone, by half: what the subject says its actor is trained on. */
function dreamReturn(member: number): number {
  const { actions, steps } = draws(member);
  const { time } = heldOut;
  const rewards = [10, 30, time + 10, time + 30].map((at, start) => {
    const from = start * HORIZON * 2;
    const move = push(Number(actions[from + 1]! > actions[from]!));
    const [after] = walk(at, [move], (_, element) => steps[from + element]!);
    return after![0]! + after![1]!;
  });
  return mean(rewards) / 2;
}

/** A roll-out from step `at` of the held-out set, in plain numbers: õ after each step. */
function walk(at: number, moves: readonly number[], noise = (_step: number, _element: number) => 0) {
  const position = SCALE.map((scale, element) => heldOut.observation[2 * at + element]! / scale);
  return moves.map((move, step) => {
    for (const element of [0, 1]) {
      position[element]! += move + AGEING * (age(at % heldOut.time) + step) + SPREAD * noise(step, element);
    }
    return [...position];
  });
}
