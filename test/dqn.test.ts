import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { scope } from '../src/engine/scope.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { dqn } from '../src/methods/dqn/agent.ts';
import { actionValues } from '../src/methods/dqn/networks.ts';
import { dqnSettings } from '../src/methods/dqn/settings.ts';
import { learn, temporalDifferenceLoss } from '../src/methods/dqn/update.ts';
import { biasCorrection } from '../src/nn/adam.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { freshOptimised } from '../src/training/optimise.ts';
import { emptyBatch } from '../src/training/replay.ts';
import type { ReplayAgent } from '../src/training/replay-learner.ts';
import { stepSpaces } from './support/agents.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';
import { processorEngines } from './support/engine-here.ts';
import { assertClose, normals, upload } from './support/tensors.ts';
import { assertUpdated, column, reference, transitionsOf, weightsBefore } from './support/yardsticks.ts';

const spaces = agentSpaces(environmentEntry('CartPole-v1'));

type Learn = Parameters<typeof learn>;
interface Inputs {
  weights: Learn[1];
  transitions: Learn[2];
  correction: Learn[3];
  scalars: Learn[4];
}

for (const engine of processorEngines) {
  test(`two updates of two members equal those of PyTorch, with every switch, on ${engine}`, async () => {
    await startEngine(engine);
    for (const { double, loss, gradientClip, members } of reference.dqn) {
      const settings = dqnSettings.parse({ double, loss, gradientClip, critic: { hidden: [4] } });
      const values = actionValues(settings, { ...spaces, observation: 3, actions: 3 });
      const compiled = new Compiled(({ weights, transitions, correction, scalars }: Inputs) => {
        const given = { ...transitions, action: oneHot(transitions.action, 3) };
        return learn(values, weights, given, correction, scalars, settings);
      });
      scope(() => {
        let weights: Inputs['weights'] = {
          critic: freshOptimised(weightsBefore(members, 'critic')),
          target: weightsBefore(members, 'target'),
        };
        for (const update of [0, 1]) {
          const updates = members.map(({ updates }) => updates[update]!);
          const scalars = {
            learningRate: column(members, ({ numbers }) => numbers.learningRate!),
            gamma: column(members, ({ numbers }) => numbers.gamma!),
            targetRate: column(updates, ({ targetRate }) => targetRate),
          };
          const transitions = transitionsOf(updates);
          const correction = biasCorrection(update + 1);
          const next = compiled.run({ weights, transitions, correction, scalars });
          weights = next.weights;
          const what = `double ${double}, ${loss}, update ${update}`;
          const { critic, target } = weights;
          assertUpdated(updates, next.terms, { critic: critic.parameters, target }, what);
        }
        // Where it was due, the first member's target is a copy.
        const [critic, target] = [weights.critic.parameters, weights.target].map((x) =>
          x.dataSync().slice(0, values.layout.size),
        );
        assert.deepEqual(target, critic);
      });
      compiled.dispose();
    }
  });
}

test("the loss and its slope are Huber's, or half the square", async () => {
  await startEngine('cpu');
  tf.tidy(() => {
    // δ = 0.5, −3 and 1 of the chosen value.
    const values = tf.tensor3d([0.5, 9, 9, -3, 1, 9], [1, 3, 2]);
    const action = tf.tensor3d([1, 0, 0, 1, 1, 0], [1, 3, 2]);
    const target = tf.zeros([1, 3]);
    const of = (kind: 'huber' | 'squared') => {
      const { value, grad } = tf.valueAndGrad(
        (x: tf.Tensor) => tf.sum(temporalDifferenceLoss(x, action, target, kind)) as tf.Scalar,
      )(values);
      return [...value.dataSync(), ...grad.dataSync()].map((x) => 3 * x);
    };
    assertClose(of('huber'), [0.125 + 2.5 + 0.5, 0.5, 0, 0, -1, 1, 0]);
    assertClose(of('squared'), [0.125 + 4.5 + 0.5, 0.5, 0, 0, -3, 1, 0]);
    const direction = upload(normals(1, 'direction', [1, 3, 2]));
    for (const kind of ['huber', 'squared'] as const) {
      const at = (step: number) =>
        temporalDifferenceLoss(tf.add(values, tf.mul(direction, step)), action, target, kind).dataSync()[0]!;
      const loss = (x: tf.Tensor) => tf.sum(temporalDifferenceLoss(x, action, target, kind)) as tf.Scalar;
      const slope = tf.sum(tf.mul(tf.grad(loss)(values), direction)).dataSync()[0]!;
      assertClose([(at(0.01) - at(-0.01)) / 0.02], [slope], 1e-2, kind);
    }
  });
});

const tiny = (changes: object = {}) =>
  dqnSettings.parse({
    ...{ critic: { hidden: [8] }, randomSteps: 12, updateEvery: 4, updates: 2, gamma: 0.9 },
    ...{ epsilon: { from: 1, to: 0.1, over: 20 }, replay: { capacity: 40, batch: 5 }, target: { every: 3 } },
    ...changes,
  });

describe('an agent', () => {
  const make = (seeds: number[], settings = [tiny()]) => agentIn(dqn.create, 'CartPole-v1', seeds, settings);

  test('goes on to the byte where it was saved, between two updates of the target too', async () => {
    await startEngine('wasm');
    await assertGoesOn(() => make([3, 4]), [13, 20]);
  });

  test('goes on so where it learns from images, of which its replay keeps bytes', async () => {
    await startEngine('wasm');
    const settings = [tiny({ encoder: { channels: 2 } })];
    const make = () => agentIn(dqn.create, 'MinAtar/Breakout-v0', [3, 4], settings);
    await assertGoesOn(make, [17]);
  });

  test('is the same alone and beside others with settings of their own', async () => {
    await startEngine('wasm');
    const other = { gamma: 0.8, learningRate: 0.01, epsilon: 0.5, target: { rate: 0.1, every: 1 } };
    await assertAlone(make, [3, 4], [tiny(), tiny(other)]);
  });

  test('leaves no tensor behind', async () => {
    await startEngine('wasm');
    await assertLeavesNothing(() => make([1]));
  });

  test('acts greedily but for a share of random choices that falls with the steps taken', async () => {
    await startEngine('wasm');
    const agent = dqn.create([{ seed: 1, settings: tiny() }], spaces) as ReplayAgent;
    const observations = normals(1, 'observations', [100, 4]).data;
    const carry = new Float32Array();
    const greedy = [...(await agent.act({ observations, carry, noise: carry }, 'average', 'greedy')).actions];
    assert.deepEqual([...new Set(greedy)].sort(), [0, 1]);
    // u goes from 0 to 0.99; v asks for the other choice.
    const noise = Float32Array.from(greedy.flatMap((choice, i) => [i / 100, choice === 0 ? 0.75 : 0.25]));
    for (const [step, random] of [
      [0, 100],
      [10, 55],
      [20, 10],
      [500, 10],
    ] as const) {
      agent.aboutToCollect!(step);
      const { actions } = await agent.act({ observations, carry, noise }, 'online', 'sampled');
      const wanted = greedy.map((choice, i) => (i < random ? 1 - choice : choice));
      assert.deepEqual([...actions], wanted, `after ${step} steps`);
    }
    agent.dispose();
  });

  test('learns what each choice is worth', async () => {
    await startEngine('wasm');
    const settings = tiny({ learningRate: 0.02, critic: { hidden: [16] }, replay: { batch: 32 } });
    const agent = dqn.create([{ seed: 1, settings }], spaces) as ReplayAgent;
    const batch = emptyBatch(1, 32, 1, stepSpaces(4));
    batch.observation.set(normals(1, 'observations', [32, 4]).data);
    batch.terminated.fill(1);
    // The second choice is right where the first number is positive.
    const isRight = (i: number, choice: number) => batch.observation[4 * i]! > 0 === (choice === 1);
    for (let update = 1; update <= 400; update++) {
      for (let i = 0; i < 32; i++) {
        batch.action[i] = (i + update) % 2;
        batch.reward[i] = isRight(i, batch.action[i]!) ? 1 : -1;
      }
      await agent.update(batch, update, update);
    }
    const rows = await agent.drainLosses();
    assert.ok(rows.at(-1)![0]!.loss! < 0.01 * rows[0]![0]!.loss!);
    const situation = {
      observations: batch.observation,
      carry: new Float32Array(),
      noise: new Float32Array(),
    };
    const { actions } = await agent.act(situation, 'average', 'greedy');
    assert.ok([...actions].every((choice, i) => isRight(i, choice)));
    agent.dispose();
  });
});

test('values are of raw observations', async () => {
  await startEngine('cpu');
  tf.tidy(() => {
    const settings = tiny({ critic: { hidden: [1] } });
    // max(0, o₀ − 1) and twice that plus 3.
    const flat = tf.tensor2d([[1, 0, 0, 0, -1, 1, 2, 0, 3]]);
    const observation = tf.tensor3d([[[4, 7, 7, 7]]]);
    assert.deepEqual([...actionValues(settings, spaces).of(flat, observation).dataSync()], [3, 9]);
  });
});
