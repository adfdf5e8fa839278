import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { sac } from '../src/methods/sac/agent.ts';
import { sacSettings } from '../src/methods/sac/settings.ts';
import { networks } from '../src/models/soft-actor-critic/networks.ts';
import { decide, sample } from '../src/models/soft-actor-critic/policy.ts';
import { actorGradient, criticGradient, learn } from '../src/models/soft-actor-critic/update.ts';
import { biasCorrection, zeroMoments } from '../src/nn/adam.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { emptyBatch } from '../src/training/replay.ts';
import type { ReplayAgent } from '../src/training/replay-learner.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';
import { processorEngines } from './support/engine-here.ts';
import { assertClose, normals, upload } from './support/tensors.ts';
import {
  assertUpdated,
  column,
  reference,
  together,
  transitionsOf,
  weightsBefore,
} from './support/yardsticks.ts';

const spaces = agentSpaces(environmentEntry('Pendulum-v1'));

type Learn = Parameters<typeof learn>;
interface Inputs {
  weights: Learn[1];
  transitions: Learn[2];
  noise: Learn[3];
  correction: Learn[4];
  scalars: Learn[5];
}

/** What an update of the reference's networks is made of. */
function referenceCase({ entropy, members }: (typeof reference.sac)[number], update: number) {
  const updates = members.map(({ updates }) => updates[update]!);
  const number = (name: string) => column(members, ({ numbers }) => numbers[name] ?? Number.NaN);
  return {
    updates,
    transitions: transitionsOf(updates),
    noise: {
      action: together(updates, ({ noise }) => noise),
      nextAction: together(updates, ({ nextNoise }) => nextNoise),
    },
    correction: biasCorrection(update + 1),
    scalars: {
      learningRate: number('learningRate'),
      gamma: number('gamma'),
      targetRate: number('targetRate'),
      temperature: entropy === null ? tf.zeros([members.length, 1]) : number('entropy'),
      targetEntropy: number('targetEntropy'),
    } as Inputs['scalars'],
  };
}

const small = { actor: { hidden: [4] }, critic: { hidden: [4] } };
const smallNetworks = networks(sacSettings.parse(small), { ...spaces, observation: 3, actions: 2 });

for (const engine of processorEngines) {
  test(`two updates of two members equal those of PyTorch, α given or learnt, on ${engine}`, async () => {
    await startEngine(engine);
    for (const expected of reference.sac) {
      const { entropy, members } = expected;
      const settings = sacSettings.parse({ ...small, entropy: entropy ?? 'auto' });
      const compiled = new Compiled(({ weights, transitions, noise, correction, scalars }: Inputs) =>
        learn(smallNetworks, weights, transitions, noise, correction, scalars, settings),
      );
      scope(() => {
        const fresh = (parameters: tf.Tensor2D) => ({
          parameters,
          moments: zeroMoments(members.length, parameters.shape[1]),
        });
        let weights: Inputs['weights'] = {
          actor: fresh(weightsBefore(members, 'actor')),
          critic: fresh(weightsBefore(members, 'critic')),
          target: weightsBefore(members, 'target'),
          temperature: entropy === null ? fresh(tf.zeros([members.length, 1])) : undefined,
        };
        for (const update of [0, 1]) {
          const { updates, ...given } = referenceCase(expected, update);
          const next = compiled.run({ weights, ...given });
          weights = next.weights;
          const after = {
            actor: weights.actor.parameters,
            critic: weights.critic.parameters,
            target: weights.target,
            logTemperature: weights.temperature?.parameters,
          };
          assertUpdated(updates, next.terms, after, `α ${entropy ?? 'learnt'}, update ${update}`);
        }
      });
      compiled.dispose();
    }
  });
}

test('gradients of actor and critics are the slopes of their losses', async () => {
  await startEngine('cpu');
  scope(() => {
    const [of] = reference.sac.slice(1);
    const { transitions, noise, scalars } = referenceCase(of!, 0);
    const settings = sacSettings.parse(small);
    const given = { networks: smallNetworks, transitions, noise, temperature: scalars.temperature, settings };
    const [actor, critic] = ['actor', 'critic'].map((name) => weightsBefore(of!.members, name)) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const target = upload(normals(1, 'target', [2, 5]));
    const losses = {
      actor: (flat: tf.Tensor2D) => actorGradient(given, flat, critic),
      critic: (flat: tf.Tensor2D) => criticGradient(given, flat, target),
    };
    for (const [name, at] of Object.entries({ actor, critic }) as ['actor' | 'critic', tf.Tensor2D][]) {
      const direction = upload(normals(1, name, at.shape));
      const lossAt = (step: number) => {
        const { terms } = losses[name](tf.add(at, tf.mul(direction, step)));
        return (terms as Record<string, tf.Tensor>)[name]!.dataSync();
      };
      const step = 1e-3;
      const [above, below] = [lossAt(step), lossAt(-step)];
      const slopes = tf.sum(tf.mul(losses[name](at).gradient, direction), 1).dataSync();
      assertClose(
        above.map((x, member) => (x - below[member]!) / (2 * step)),
        slopes,
        1e-2,
        name,
      );
    }
  });
});

describe('the policy', () => {
  test('has the density that integrates to 1 over the box, and whose logarithm a sample is told', async () => {
    await startEngine('cpu');
    tf.tidy(() => {
      // One dimension, μ = 0.4 and σ = e^−0.3: a thousand samples at equal steps of u.
      const count = 8001;
      const noise = Float32Array.from({ length: count }, (_, i) => -8 + (16 * i) / (count - 1));
      const output = tf.tile(tf.tensor3d([0.4, -0.3], [1, 1, 2]), [1, count, 1]);
      const { action, logProbability } = sample(output, tf.tensor3d(noise, [1, count, 1]));
      const [a, log] = [action.dataSync(), logProbability.dataSync()];
      let total = 0;
      for (let i = 1; i < count; i++)
        total += 0.5 * (Math.exp(log[i]!) + Math.exp(log[i - 1]!)) * (a[i]! - a[i - 1]!);
      assertClose([total], [1], 1e-3);
      assertClose([decide(output, undefined).dataSync()[0]!], [Math.tanh(0.4)]);
      assertClose(decide(output, tf.tensor3d(noise, [1, count, 1])).dataSync(), a);
    });
  });

  test('keeps σ within e^−20 and e², its gradient 0 beyond', async () => {
    await startEngine('cpu');
    tf.tidy(() => {
      const output = tf.tensor3d([0, 5, 0, -30], [1, 2, 2]);
      const noise = tf.tensor3d([0.1, 0.1], [1, 2, 1]);
      assertClose(decide(output, noise).dataSync(), [Math.tanh(0.1 * Math.exp(2)), 0.1 * Math.exp(-20)]);
      const loss = (x: tf.Tensor) => tf.sum(sample(x, noise).logProbability) as tf.Scalar;
      const slopes = tf.grad(loss)(output).dataSync();
      assert.ok(slopes[1] === 0 && slopes[3] === 0 && slopes[0] !== 0, `${slopes}`);
    });
  });
});

const tiny = (changes: object = {}) =>
  sacSettings.parse({
    ...{ actor: { hidden: [8] }, critic: { hidden: [8] }, gamma: 0.9, targetRate: 0.1 },
    ...{ randomSteps: 12, updateEvery: 4, updates: 2, replay: { capacity: 40, batch: 5 } },
    ...changes,
  });

describe('an agent', () => {
  const make = (seeds: number[], settings = [tiny()]) => agentIn(sac.create, 'Pendulum-v1', seeds, settings);

  for (const entropy of ['auto', 0.2] as const) {
    test(`goes on to the byte where it was saved, with entropy ${entropy}`, async () => {
      await startEngine('wasm');
      await assertGoesOn(() => make([3, 4], [tiny({ entropy })]), [13, 20]);
    });
  }

  test('is the same alone and beside others with settings of their own', async () => {
    await startEngine('wasm');
    const changes = { gamma: 0.8, learningRate: 0.01, targetRate: 0.5 };
    await assertAlone(make, [3, 4], [tiny(), tiny({ ...changes, targetEntropy: 0.3 })]);
    await assertAlone(make, [3, 4], [tiny({ entropy: 0.2 }), tiny({ ...changes, entropy: 0.5 })]);
  });

  test('leaves no tensor behind', async () => {
    await startEngine('wasm');
    await assertLeavesNothing(() => make([1]));
  });

  test('finds the best action, in the units of the box, and holds its entropy', async () => {
    await startEngine('wasm');
    const settings = tiny({
      ...{ learningRate: 0.02, actor: { hidden: [8] }, critic: { hidden: [32] } },
      ...{ replay: { batch: 64 }, targetEntropy: -0.5 },
    });
    const agent = sac.create([{ seed: 1, settings }], spaces) as ReplayAgent;
    const batch = emptyBatch(1, 64, 1, { observation: 3, actionSpace: spaces.actionSpace });
    batch.terminated.fill(1);
    batch.observation.set(normals(1, 'observations', [64, 3]).data);
    const best = 0.8;
    for (let update = 1; update <= 300; update++) {
      const random = normals(update, 'actions', [64]).data;
      for (let i = 0; i < 64; i++) {
        batch.action[i] = Math.max(-2, Math.min(2, 1.5 * random[i]!));
        batch.reward[i] = -((batch.action[i]! - best) ** 2);
      }
      await agent.update(batch, update, update);
    }
    const rows = await agent.drainLosses();
    const mean = (term: string) => rows.slice(-100).reduce((sum, row) => sum + row[0]![term]!, 0) / 100;
    assert.ok(Math.abs(mean('entropy') + 0.5) < 0.1, `entropy ${mean('entropy')}`);
    const situation = {
      observations: batch.observation,
      carry: new Float32Array(),
      noise: new Float32Array(),
    };
    const { actions } = await agent.act(situation, 'average', 'greedy');
    const error = [...actions].reduce((sum, action) => sum + Math.abs(action - best), 0) / 64;
    assert.ok(error < 0.2, `off by ${error}`);
    agent.dispose();
  });
});
