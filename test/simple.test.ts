import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { generalisedAdvantage } from '../src/methods/ppo/advantage.ts';
import { simple } from '../src/methods/simple/agent.ts';
import { type SimpleSettings, simpleCourse, simpleSettings } from '../src/methods/simple/settings.ts';
import { type OneStepModel, oneStepModel } from '../src/models/one-step-model.ts';
import type { ActionSampler } from '../src/models/policy-head.ts';
import { simulatedReturn } from '../src/models/simulated-return.ts';
import { simulate } from '../src/models/simulation.ts';
import { RandomStream } from '../src/random/stream.ts';
import { ActingLoop } from '../src/training/acting.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { firstOf } from '../src/training/replay.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';
import { reference } from './support/reference.ts';
import { assertClose } from './support/tensors.ts';

type Keys = Record<string, unknown>;

/** SimPLe too small to learn, with every part: an iteration every 7 steps, with an update of the model and one of the policy. */
const tiny = ({ model, ppo, ...changes }: { model?: Keys; ppo?: Keys } & Keys = {}): SimpleSettings =>
  simpleSettings.parse({
    ...{ collect: 7, firstUpdates: 1, updates: 1, replay: { capacity: 20, batch: 3, length: 3 } },
    model: { bits: 2, units: 6, priorUnits: 4, warmUp: 3, ...model },
    simulation: { environments: 2, steps: 4, rollouts: 1 },
    ppo: { epochs: 1, batch: 8, actor: { hidden: [5] }, critic: { hidden: [5] }, ...ppo },
    ...changes,
  });

const simpleIn = (environment: string, seeds: number[], settings: SimpleSettings[]) =>
  agentIn(simple.create, environment, seeds, settings);

/** One number that the action is added to, its reward the number arrived at, an end from `end` on. */
const counting = (end: number): OneStepModel =>
  oneStepModel(
    { observation: 1 },
    {
      continueHead: true,
      stepper: () => (observation, action) => {
        const next = tf.add(observation, action);
        return tf.concat([next, next, tf.sub(end - 0.5, next)], 2);
      },
    },
  );

const values = (x: tf.Tensor) => [...x.dataSync()];

describe('simulated roll-outs', () => {
  before(() => startEngine('cpu'));

  test('begin at real observations, go on from others where an end is foreseen, and are cut short', () => {
    tf.tidy(() => {
      // Of two members, each with one environment; what starts say is only seen where an episode begins.
      const starts = tf.tensor4d([0, 10, 1, 20, 30, 5, 60, 70, 80, 90], [2, 1, 5, 1]);
      const one = { action: tf.ones([2, 1, 5, 1]) as tf.Tensor4D, step: undefined };
      const { observation, nextObservation, reward, terminated, first } = simulate(
        counting(2),
        starts,
        (_, noise) => noise,
        one,
      );
      assert.deepEqual(values(observation), [0, 1, 1, 20, 30, 5, 60, 70, 80, 90]);
      assert.deepEqual(values(nextObservation), [1, 2, 2, 21, 31, 6, 61, 71, 81, 91]);
      assert.deepEqual(values(reward), values(nextObservation));
      assert.deepEqual(values(terminated), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
      assert.deepEqual(values(first), [1, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    });
  });

  test('are one path from start to start, whatever the actions', () => {
    const extents = fc.record({
      environments: fc.integer({ min: 1, max: 3 }),
      steps: fc.integer({ min: 1, max: 6 }),
      end: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat(1000),
    });
    fc.assert(
      fc.property(extents, ({ environments, steps, end, seed }) =>
        tf.tidy(() => {
          const random = RandomStream.named(seed, 'roll-out');
          const shape: [number, number, number, number] = [1, environments, steps, 1];
          const numbers = (limit: number) =>
            tf.tensor4d(
              Array.from({ length: environments * steps }, () => random.integer(limit)),
              shape,
            );
          const [starts, actions] = [numbers(end), numbers(3)];
          const noise = { action: actions, step: undefined };
          const rollout = simulate(counting(end), starts, (_, given) => given, noise);
          const [o, next, ends, first] = [
            rollout.observation,
            rollout.nextObservation,
            rollout.terminated,
            rollout.first,
          ].map(values) as [number[], number[], number[], number[]];
          const [begun, taken] = [values(starts), values(actions)];
          for (const [i, before] of o.entries()) {
            const isFirst = i % steps === 0 || ends[i - 1] === 1;
            assert.equal(first[i], Number(isFirst));
            assert.equal(before, isFirst ? begun[i] : next[i - 1]);
            assert.equal(next[i], before + taken[i]!);
            assert.equal(ends[i], Number(next[i]! >= end));
          }
        }),
      ),
      { numRuns: 30 },
    );
  });

  test('a model that foresees no end never restarts', () => {
    tf.tidy(() => {
      const { continues: _, ...endless } = counting(2);
      const starts = tf.tensor4d([0, 9, 9], [1, 1, 3, 1]);
      const noise = { action: tf.ones([1, 1, 3, 1]) as tf.Tensor4D, step: undefined };
      const { observation, terminated, first } = simulate(endless, starts, (_, given) => given, noise);
      assert.deepEqual([observation, terminated, first].map(values), [
        [0, 1, 2],
        [0, 0, 0],
        [1, 0, 0],
      ]);
    });
  });
});

test('advantages of a roll-out with both kinds of ends equal the reference, step by step', async () => {
  await startEngine('cpu');
  const given = reference<
    Record<
      'reward' | 'value' | 'nextValue' | 'terminated' | 'truncated' | 'advantage' | 'returns',
      number[][]
    > & {
      gamma: number;
      lam: number;
      advantageTruncationAsTermination: number[][];
    }
  >('advantage.json', 'simple');
  tf.tidy(() => {
    // The reference has [time, environments].
    const upload = (rows: number[][]) => tf.expandDims(tf.transpose(tf.tensor2d(rows)), 0) as tf.Tensor3D;
    const ended = given.terminated.map((row, t) => row.map((x, n) => Math.max(x, given.truncated[t]![n]!)));
    const first = [ended[0]!.map(() => 1), ...ended.slice(0, -1)];
    const { advantage, returns } = generalisedAdvantage(
      { reward: upload(given.reward), terminated: upload(given.terminated), first: upload(first) },
      upload(given.value),
      upload(given.nextValue),
      given.gamma,
      given.lam,
    );
    assertClose(values(advantage), values(upload(given.advantage)), 1e-5);
    assertClose(values(returns), values(upload(given.returns)), 1e-5);
    const wrong = values(upload(given.advantageTruncationAsTermination));
    assert.ok(values(advantage).some((x, i) => Math.abs(x - wrong[i]!) > 0.1));
  });
});

test('the simulated return is of whole episodes, up to an end or the time limit, in reward units', async () => {
  await startEngine('cpu');
  const spaces = {
    ...agentSpaces(environmentEntry('Pendulum-v1')),
    ...{ observation: 1, observationScale: [2], rewardScale: 10 },
  };
  const head: ActionSampler = {
    space: spaces.actionSpace,
    noise: { distribution: 'normal', size: 1 },
    // One more at every step, and noise would show.
    sample: (output, noise) => tf.add(output, noise),
  };
  const model = (end: number) => ({
    ...counting(end),
    policy: (features: tf.Tensor) => tf.onesLike(tf.slice(features, [0, 0, 0], [-1, -1, 1])),
  });
  const episodes = (first: number[]) => ({
    ...{ members: 1, batch: 2, time: 2, nextObservation: new Float32Array(4), action: new Float32Array(4) },
    ...{ reward: new Float32Array(4), terminated: new Float32Array(4), first: new Float32Array(4) },
    observation: Float32Array.of(first[0]!, 99, first[1]!, 99),
    mask: new Float32Array(4),
  });
  tf.tidy(() => {
    const own = [episodes([0, 2]), episodes([4, 6])];
    const streams = [1, 2].map((seed) => RandomStream.named(seed, 'test'));
    const returns = (end: number) => values(simulatedReturn(model(end), head, spaces, own, streams, 4));
    // From 0: 1 + 2 + 3 + 4; from 1: 2 + 3 + 4 + 5; from 2 and 3 likewise.
    assertClose(returns(100), [(10 * (10 + 14)) / 2, (10 * (18 + 22)) / 2]);
    // The reward of the step that ends an episode counts, and none after it.
    assertClose(returns(3), [(10 * (6 + 5)) / 2, (10 * (3 + 4)) / 2]);
  });
});

describe('SimPLe', () => {
  before(() => startEngine('wasm'));

  test('saved and loaded it goes on to the byte, between two iterations and within one', async () => {
    await assertGoesOn(
      () => simpleIn('CartPole-v1', [3, 4], [tiny({ model: { prior: 'lstm' } })]),
      [7, 10, 20],
    );
    const pendulum = tiny({ model: { bits: 0, rewardHead: 'squared', continueHead: false } });
    await assertGoesOn(() => simpleIn('Pendulum-v1', [3, 4], [pendulum]), [16]);
  });

  test('a member learns beside another what it learns alone', async () => {
    const other = tiny({ learningRate: 1e-2, ppo: { learningRate: 0.01, clipRange: 0.1, entropy: 0.2 } });
    await assertAlone(
      (seeds, own: SimpleSettings[]) => simpleIn('CartPole-v1', seeds, own),
      [5, 6],
      [tiny(), other],
    );
  });

  test('updates leave no tensor behind', async () => {
    await assertLeavesNothing(() => simpleIn('Acrobot-v1', [1], [tiny()]));
  });

  test('makes the updates that its course says, more of them at first', async () => {
    const settings = tiny({
      ...{ firstUpdates: 5, updates: 2, simulation: { environments: 2, steps: 4, rollouts: 3 } },
      ppo: { epochs: 2, batch: 4 },
    });
    const { live, agent } = simpleIn('CartPole-v1', [2], [settings]);
    const updates: number[] = [];
    let before = 0;
    for (const step of [6, 7, 13, 14, 21]) {
      updates.push(await live(before, step));
      before = step;
    }
    // 3 roll-outs of 8 transitions, 2 passes of 2 batches over each.
    assert.deepEqual(updates, [0, 5 + 12, 17, 17 + 2 + 12, 31 + 14]);
    const rows = await agent.drainLosses();
    assert.equal(rows.length, 45);
    assert.equal(rows.filter(([row]) => row!.model !== undefined).length, 5 + 2 + 2);
    assert.deepEqual(simpleCourse({ ...settings, steps: 23, evaluation: { every: 7 } }), {
      updates: 45,
      leftOver: 2,
    });
    agent.dispose();
  });

  test('acts by its policy alone: greedily without noise, and on the scale that the model sees', async () => {
    const { live, agent } = simpleIn(
      'Pendulum-v1',
      [9],
      [tiny({ model: { rewardHead: 'squared', continueHead: false } })],
    );
    await live(0, 7);
    const play = (mode: 'greedy' | 'sampled', seed: number) =>
      new ActingLoop(agent, 'online', mode, 1, 1).act(Float32Array.of(0.5, -0.5, 4), [
        RandomStream.named(seed, 'acting'),
      ]);
    const [greedy] = await play('greedy', 1);
    assert.deepEqual([...(await play('greedy', 2))], [greedy]);
    assert.notDeepEqual([...(await play('sampled', 1))], [...(await play('sampled', 2))]);
    await agent.drainLosses();
    agent.dispose();
  });

  test('predicts the cart after some hundred steps, and says what it measures', async () => {
    const entry = environmentEntry('CartPole-v1');
    const settings = tiny({
      ...{ collect: 300, firstUpdates: 400, replay: { capacity: 300, batch: 32, length: 4 } },
      model: { bits: 4, units: 32, warmUp: 200 },
    });
    const { live, agent } = simpleIn('CartPole-v1', [4], [settings]);
    const episodes = firstOf(heldOutSet(entry), 4, 100, agentSpaces(entry));
    const measure = async () => (await agent.diagnose(() => episodes, [episodes], [0]))[0]!;
    const before = await measure();
    await live(0, 300);
    const after = await measure();
    for (const column of ['prediction_mse_standardised', 'open_loop_mse_1']) {
      assert.ok(after[column]! < before[column]! / 4, `${column}: ${before[column]} to ${after[column]}`);
    }
    assert.deepEqual(Object.keys(after).sort(), [...agent.diagnostics].sort());
    assert.ok(after.simulated_return! > 1 && after.simulated_return! <= 500.01);
    await agent.drainLosses();
    agent.dispose();
  });
});
