import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { emptyBatch, type Sequences } from '../src/training/replay.ts';
import { stepSpaces } from './support/agents.ts';
import { dreamerIn, tinyDreamer } from './support/dreamer-runs.ts';

const spaces = agentSpaces(environmentEntry('CartPole-v1'));
const settings = vaeLstmSettings.parse({
  model: { hidden: [8], lstm: 8, latent: 4 },
  critic: { hidden: [8] },
  actor: { hidden: [8] },
  horizon: 3,
});

/** Random episodes, the later ones cut short by the mask. */
function sequences(random: RandomStream, time: number): Sequences {
  const batch = emptyBatch(1, 2, time, stepSpaces(4));
  random.fillNormal(batch.observation);
  random.fillNormal(batch.nextObservation);
  batch.action.forEach((_, at) => {
    batch.action[at] = random.integer(2);
    batch.reward[at] = 1;
    batch.first[at] = Number(at % time === 0);
    batch.terminated[at] = Number(at % time === time - 1);
  });
  const mask = new Float32Array(2 * time).fill(1);
  mask.fill(0, 2 * time - 5);
  return { ...batch, mask };
}

describe('diagnosing', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('members side by side, with episodes of different lengths, give what each gives alone', async () => {
    const seeds = [...Array(9).keys()];
    const heldOut = sequences(RandomStream.named(0, 'held-out'), 40);
    const own = seeds.map((seed) => sequences(RandomStream.named(seed, 'own'), 10 + 3 * seed));
    const members = seeds.map((seed) => ({ seed, settings }));
    const agent = vaeLstm.create(members, spaces);
    const tensors = tf.memory().numTensors;
    const together = await agent.diagnose(
      () => heldOut,
      own,
      own.map(() => 100),
    );
    assert.equal(tf.memory().numTensors, tensors);
    agent.dispose();
    assert.equal(together.length, seeds.length);
    for (const seed of seeds) {
      const single = vaeLstm.create([members[seed]!], spaces);
      const [alone] = await single.diagnose(() => heldOut, [own[seed]!], [100]);
      single.dispose();
      for (const [column, value] of Object.entries(alone!)) {
        const got = together[seed]![column]!;
        assert.ok(Number.isFinite(value), column);
        assert.ok(
          Math.abs(got - value!) <= 1e-4 * Math.max(1, Math.abs(value!)),
          `${column} of ${seed}: ${got}, ${value}`,
        );
      }
    }
    assert.equal(new Set(together.map(({ prediction_mse_own }) => prediction_mse_own)).size, seeds.length);
  });

  test('a dream returns what the actor is trained on: of the slow critic where that is the target', async () => {
    const heldOut = sequences(RandomStream.named(0, 'held-out'), 40);
    for (const slowTarget of [false, true]) {
      const settings = tinyDreamer({ critic: { layers: 1, slowTarget } });
      const { agent } = dreamerIn('CartPole-v1', [1], [settings]);
      const [state] = structuredClone(await agent.save());
      const dreamReturn = async (changed?: string) => {
        const again = structuredClone(state!);
        if (changed) RandomStream.named(2, changed).fillNormal(again.arrays[changed]!.data as Float32Array);
        agent.load([again]);
        const [row] = await agent.diagnose(() => heldOut, [heldOut], [0]);
        return row!.dream_return;
      };
      const own = await dreamReturn();
      const [valuing, other] = slowTarget ? ['critic.slow', 'critic'] : ['critic', 'critic.slow'];
      assert.equal(await dreamReturn(other), own, `${slowTarget}`);
      assert.notEqual(await dreamReturn(valuing), own, `${slowTarget}`);
      agent.dispose();
    }
  });
});
