import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { deepDyna } from '../src/methods/deep-dyna/agent.ts';
import { imaginedTransitions } from '../src/methods/deep-dyna/planning.ts';
import { type DeepDynaSettings, deepDynaArm, deepDynaSettings } from '../src/methods/deep-dyna/settings.ts';
import { joinRows, LOSS_TERMS } from '../src/methods/deep-dyna/terms.ts';
import { dqn } from '../src/methods/dqn/agent.ts';
import { dqnSettings } from '../src/methods/dqn/settings.ts';
import { oneStepModel } from '../src/models/one-step-model.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { firstOf } from '../src/training/replay.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';
import { assertClose } from './support/tensors.ts';

/** Of 28 steps 16 are acted by Q, with two updates after every fourth. */
const shared = {
  ...{ critic: { hidden: [8] }, randomSteps: 12, updateEvery: 4, updates: 2, gamma: 0.9, learningRate: 0.01 },
  ...{ epsilon: { from: 1, to: 0.1, over: 20 }, replay: { capacity: 40, batch: 5 } },
  ...{ target: { every: 3, rate: 0.5 }, double: true },
};
const tiny = (changes: object = {}): DeepDynaSettings =>
  deepDynaSettings.parse({
    ...shared,
    ...{ planningUpdates: 3, planning: { horizon: 2, randomActions: 0.5 } },
    model: { networks: 2, layers: 1, units: 6 },
    ...changes,
  });

const dynaIn = (seeds: number[], settings: DeepDynaSettings[]) =>
  agentIn(deepDyna.create, 'CartPole-v1', seeds, settings);

describe('deep Dyna', () => {
  before(() => startEngine('wasm'));

  test('without planning is DQN, to the byte, and learns no model', async () => {
    const none = tiny({ planningUpdates: 0 });
    const dyna = dynaIn([3, 4], [none]);
    const plain = agentIn(dqn.create, 'CartPole-v1', [3, 4], [dqnSettings.parse(shared)]);
    const fresh = (await dyna.save()).agents[0]!.arrays.model;
    for (const { live } of [dyna, plain]) await live(0, 28);
    const [ours, theirs] = [await dyna.save(), await plain.save()];
    assert.equal(ours.update, 8);
    for (const member of [0, 1]) {
      for (const [name, array] of Object.entries(theirs.agents[member]!.arrays)) {
        assert.deepEqual(ours.agents[member]!.arrays[name], array, name);
      }
    }
    assert.deepEqual(ours.learners, theirs.learners);
    assert.deepEqual(ours.agents[0]!.arrays.model, fresh);
    assert.deepEqual(
      [dyna.agent.diagnostics, deepDynaArm(none), deepDynaArm(tiny())],
      [[], 'dqn', 'deep-dyna'],
    );
    const [rows, wanted] = [await dyna.agent.drainLosses(), await plain.agent.drainLosses()];
    assert.equal(rows.length, 8);
    assert.deepEqual(
      rows.map(([row]) => row!.loss),
      wanted.map(([row]) => row!.loss),
    );
    assert.equal(rows[0]![0]!.planned_loss, null);
    for (const { agent } of [dyna, plain]) agent.dispose();
  });

  test('saved and loaded it goes on to the byte', async () => {
    await assertGoesOn(() => dynaIn([3, 4], [tiny()]), [12, 19, 20]);
  });

  test('a member learns beside another what it learns alone', async () => {
    const other = tiny({ learningRate: 0.03, gamma: 0.8, modelLearningRate: 0.01, weightDecay: 0.1 });
    await assertAlone((seeds, own: DeepDynaSettings[]) => dynaIn(seeds, own), [5, 6], [tiny(), other]);
  });

  test('updates leave no tensor behind', async () => {
    await assertLeavesNothing(() => dynaIn([1], [tiny()]));
  });

  test('learns from what the model makes, and says how good that is', async () => {
    const entry = environmentEntry('CartPole-v1');
    const { live, agent } = dynaIn([1], [tiny({ replay: { capacity: 300, batch: 32 }, updates: 20 })]);
    const episodes = firstOf(heldOutSet(entry), 4, 100, agentSpaces(entry));
    const error = async () =>
      (await agent.diagnose(() => episodes, [episodes], [0]))[0]!.prediction_mse_standardised!;
    const before = await error();
    await live(0, 112);
    assert.ok((await error()) < before / 2);
    const rows = await agent.drainLosses();
    assert.equal(rows.length, 500);
    assert.deepEqual(Object.keys(rows[0]![0]!).sort(), [...LOSS_TERMS].sort());
    assert.ok(LOSS_TERMS.every((term) => Number.isFinite(rows.at(-1)![0]![term])));
    agent.dispose();
  });
});

test("planned transitions follow noise and Q from real starts, in the environment's units", async () => {
  await startEngine('cpu');
  const spaces = {
    ...agentSpaces(environmentEntry('CartPole-v1')),
    ...{ observation: 1, actions: 2, observationScale: [2], rewardScale: 10 },
  };
  // The second choice adds 1 to õ, the first one nothing; r̂ is õ′, an end is foreseen from 3 on.
  const model = oneStepModel(
    { observation: 1 },
    {
      continueHead: true,
      stepper: () => (observation, action) => {
        const next = tf.add(observation, tf.slice(action, [0, 0, 1], [-1, -1, 1]));
        return tf.concat([next, next, tf.sub(2.5, next)], 2);
      },
    },
  );
  // Q prefers the second choice below o = 4.
  const values = (o: tf.Tensor) => tf.concat([o, tf.fill(o.shape, 4)], 2);
  tf.tidy(() => {
    const starts = tf.tensor4d([0, 8, 2, 8, 4, 8], [1, 3, 2, 1]);
    // u decides between random and best, v which random one.
    const noise = tf.tensor4d([0.4, 0.1, 0.6, 0.9, 0.4, 0.9, 0.6, 0.1, 0.4, 0.9, 0.4, 0.1], [1, 3, 2, 2]);
    const made = imaginedTransitions(model, values, spaces, starts, { action: noise, step: undefined }, 0.5);
    const read = (x: tf.Tensor) => [...x.dataSync()];
    assert.deepEqual(made.observation.shape, [1, 6, 1]);
    // From 0: random first choice, then the best; from 2: random second, best at 4 is the first (a tie); from 4: an end, then another start.
    assert.deepEqual(read(made.observation), [0, 0, 2, 4, 4, 8]);
    assert.deepEqual(read(made.action), [1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0]);
    assert.deepEqual(read(made.nextObservation), [0, 2, 4, 4, 6, 8]);
    assertClose(read(made.reward), [0, 10, 20, 20, 30, 40]);
    assert.deepEqual(read(made.terminated), [0, 0, 0, 0, 1, 1]);
  });
});

test('a row of losses has one update: the real one, the mean of the planned ones, and the model', () => {
  const value = (loss: number) => [{ loss, q: 1, target: 2, gradient_norm: 3, weight_norm: 4 }];
  const rows = joinRows([1, 10, 30, 2, 50, 70].map(value), [[{ nll: 7 }], [{ nll: 8 }]], 2);
  assert.deepEqual(
    rows.map(([row]) => [row!.loss, row!.planned_loss, row!.planned_q, row!.model_nll, row!.model]),
    [
      [1, 20, 1, 7, null],
      [2, 60, 1, 8, null],
    ],
  );
});
