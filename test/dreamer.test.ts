import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { networks, worldModel } from '../src/methods/dreamer/networks.ts';
import { encodeActions } from '../src/models/action-encoding.ts';
import { observeSequence } from '../src/models/rssm/dynamics.ts';
import { latentFamily } from '../src/models/rssm/latent.ts';
import { Parameters } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { fillNoise, noiseSize } from '../src/training/acting.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { assertDreamerGoesOn, dreamerIn, tinyDreamer } from './support/dreamer-runs.ts';
import { read } from './support/reference.ts';
import { assertClose, normals } from './support/tensors.ts';

const gaussianModel = { latent: 'gaussian', cell: 'gru', norm: false, activation: 'elu' };

/** Environments of either kind of actions and with images, the settings of v3 and like those of v1. */
const runs: [environment: string, changes: Record<string, object | number | boolean>][] = [
  ['CartPole-v1', {}],
  ['Pendulum-v1', { model: gaussianModel, actor: { exploration: 0.3 } }],
  ['MinAtar/Breakout-v0', { encoder: { channels: 2 } }],
];

describe('Dreamer', () => {
  before(async () => {
    await startEngine('wasm');
  });

  for (const [environment, changes] of runs) {
    for (const mode of ['sampled', 'greedy'] as const) {
      test(`acting step by step is in the states of the same sequence at once: ${environment}, ${mode}`, async () => {
        const settings = tinyDreamer(changes);
        const entry = environmentEntry(environment);
        const spaces = agentSpaces(entry);
        const { agent } = dreamerIn(environment, [1, 2], [settings]);
        const latent = latentFamily(settings.model);
        const [members, environments, time, resetAt] = [2, 3, 6, 3];
        const rows = members * environments;
        const width = noiseSize(agent.noise[mode]);
        const random = RandomStream.named(1, 'noise');
        let carry: Float32Array = new Float32Array(rows * agent.carrySize);
        const steps: Record<'observation' | 'noise' | 'action' | 'carry', tf.Tensor>[] = [];
        for (let t = 0; t < time; t++) {
          // The second environment of each member starts anew.
          if (t === resetAt) {
            for (const row of [1, 1 + environments]) {
              carry.fill(0, row * agent.carrySize, (row + 1) * agent.carrySize);
            }
          }
          const { data: observations } = normals(t, 'o', [rows * spaces.observation]);
          const noise = new Float32Array(rows * width);
          for (let row = 0, at = 0; row < rows; row++) {
            for (const each of agent.noise[mode]) {
              fillNoise(random, each, noise.subarray(at, at + each.size));
              at += each.size;
            }
          }
          const decision = await agent.act({ observations, carry, noise }, 'online', mode);
          carry = decision.carry;
          const shape = [members, environments];
          const { actions } = decision;
          const isChoice = spaces.actionSpace.kind === 'discrete';
          const chosen = tf.tensor(actions, isChoice ? shape : [...shape, spaces.actions]);
          steps.push({
            observation: tf.tensor(observations, [...shape, spaces.observation]),
            noise: tf.slice(tf.tensor(noise, [...shape, width]), [0, 0, 0], [...shape, latent.noise.size]),
            action: encodeActions(spaces.actionSpace, chosen),
            carry: tf.tensor(carry, [...shape, agent.carrySize]),
          });
        }
        const saved = await agent.save();
        tf.tidy(() => {
          const networksHere = networks(settings, spaces);
          const rowsOf = (name: string) =>
            tf.stack(saved.map(({ arrays }) => tf.tensor1d(Float32Array.from(arrays[name]!.data))));
          const parameters = networksHere.layouts.model.unpack(rowsOf('model') as tf.Tensor2D);
          const none = new Parameters(new Map());
          const groups = { model: parameters, critic: none, actor: none };
          const model = worldModel(networksHere, settings, spaces, groups);
          const along = (name: keyof (typeof steps)[0]) =>
            tf.stack(
              steps.map((step) => step[name]),
              2,
            );
          const actions = along('action');
          const led = tf.concat(
            [
              // What led to the first step is not looked at.
              tf.fill([members, environments, 1, spaces.actions], 9),
              tf.slice(actions, [0, 0, 0], [members, environments, time - 1]),
            ],
            2,
          );
          const keep = tf.tensor(
            Array.from({ length: rows * time }, (_, i) => {
              const [t, row] = [i % time, Math.floor(i / time) % environments];
              return Number(t !== 0 && !(t === resetAt && row === 1));
            }),
            [members, environments, time],
          );
          const observed = observeSequence(
            parameters,
            settings.model,
            model.encode(tf.div(along('observation'), [...spaces.observationScale])),
            led,
            keep,
            {
              deter: tf.fill([members, environments, settings.model.deter], 5),
              stoch: tf.fill([members, environments, latent.size], 5),
            },
            along('noise'),
          );
          const later = tf.ones([members, environments, time, 1]);
          const states = tf.concat([later, observed.deter, observed.stoch, actions], -1);
          assertClose(read(along('carry')), read(states), 1e-5);
        });
        tf.dispose(steps);
        agent.dispose();
      });
    }
  }

  for (const [environment, changes] of runs) {
    test(`saved and loaded it goes on to the byte: ${environment} ${JSON.stringify(changes)}`, () =>
      // In the middle of random steps, and between two updates.
      assertDreamerGoesOn(environment, changes, [7, 21]));
  }

  test('an update remembers the steps that it saw by the states they had in it', async () => {
    const settings = tinyDreamer();
    const { model } = settings;
    const run = dreamerIn('CartPole-v1', [1], [settings]);
    const size = model.deter + model.stoch * model.classes;
    const rows = () => {
      const { data } = run.learner.save(0).arrays['replay.memory']!;
      return Array.from({ length: data.length / size }, (_, i) => [...data.slice(i * size, (i + 1) * size)]);
    };
    // Fresh biases are 0, and so is h at a start.
    const isState = (row: number[]) => row.slice(model.deter).filter((x) => x === 1).length === model.stoch;
    // Random steps are remembered by nothing, the policy's by what it carried.
    assert.equal(await run.live(0, 13), 0);
    const acted = rows();
    assert.equal(acted.filter(isState).length, 1);
    assert.equal(acted.filter((row) => row.every((x) => x === 0)).length, acted.length - 1);
    assert.equal(await run.live(13, 14), 1);
    const seen = rows();
    const { batch, length } = settings.replay;
    const remembered = seen.filter(isState).length;
    assert.ok(remembered > length && remembered <= batch * length + 2, `${remembered} steps`);
    assert.ok(seen.every((row) => isState(row) || row.every((x) => x === 0)));
    await run.agent.drainLosses();
    run.agent.dispose();
  });

  test('three members learn side by side what each learns alone', async () => {
    const seeds = [1, 2, 3];
    const settings = [
      tinyDreamer(),
      tinyDreamer({ lambda: 2, actor: { entropy: 0.1 } }),
      tinyDreamer({ optimizer: { learningRate: 3e-3, warmUp: 0 }, policyAverage: 0.2 }),
    ];
    const states = async (seeds: readonly number[], own: readonly (typeof settings)[0][]) => {
      const run = dreamerIn('CartPole-v1', seeds, own);
      assert.equal(await run.live(0, 18), 3);
      const { agents, learners } = await run.save();
      const losses = await run.agent.drainLosses();
      run.agent.dispose();
      return { agents, learners, losses };
    };
    const together = await states(seeds, settings);
    for (const [member, seed] of seeds.entries()) {
      const alone = await states([seed], [settings[member]!]);
      for (const kind of ['agents', 'learners'] as const) {
        assert.deepEqual(together[kind][member]!.streams, alone[kind][0]!.streams);
        for (const [name, { data }] of Object.entries(alone[kind][0]!.arrays)) {
          assertClose(together[kind][member]!.arrays[name]!.data, data, 1e-5, `${name} of ${seed}`);
        }
      }
      for (const [update, rows] of together.losses.entries()) {
        const [wanted, actual] = [alone.losses[update]![0]!, rows[member]!];
        assert.deepEqual(Object.keys(actual), Object.keys(wanted));
        const numbers = (row: typeof wanted) => Object.values(row) as number[];
        assertClose(numbers(actual), numbers(wanted), 1e-4, `losses of ${seed}`);
      }
    }
  });

  test('updates with acting and saving leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const small = { horizon: 2, startsPerWindow: 2, replay: { length: 3, batch: 2 } };
    const settings = tinyDreamer({ ...small, updateEvery: 1, critic: { onPrediction: true } });
    const run = dreamerIn('Pendulum-v1', [1], [settings]);
    const counts = new Set<number>();
    for (let step = 12; step < 72; step += 20) {
      await run.live(step === 12 ? 0 : step, step + 20);
      await run.agent.drainLosses();
      run.load(await run.save());
      counts.add(tf.memory().numTensors);
    }
    assert.equal((await run.save()).update, 60);
    assert.equal(counts.size, 1, `tensors: ${[...counts]}`);
    run.agent.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});
