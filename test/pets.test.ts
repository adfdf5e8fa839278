import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { pets } from '../src/methods/pets/agent.ts';
import { type PetsSettings, petsSettings } from '../src/methods/pets/settings.ts';
import { RandomStream } from '../src/random/stream.ts';
import { ActingLoop, type PolicyName } from '../src/training/acting.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { firstOf } from '../src/training/replay.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';

type Keys = Record<string, unknown>;

/** A PETS too small to plan well, with every part; of 28 steps 16 are the planner's, each second one with an update. */
const tinyPets = (changes: Keys = {}): PetsSettings =>
  petsSettings.parse({
    ...{ randomSteps: 12, updateEvery: 4, updates: 2, pretraining: 0, replay: { capacity: 20, batch: 5 } },
    model: { networks: 2, layers: 2, units: 6 },
    ...{ particles: 4, planner: { horizon: 3, candidates: 6, elites: 2, iterations: 2 } },
    ...changes,
  });

const petsIn = (environment: string, seeds: number[], settings: PetsSettings[]) =>
  agentIn(pets.create, environment, seeds, settings);

describe('PETS', () => {
  before(() => startEngine('wasm'));

  test('saved and loaded it goes on to the byte, its plan with it', async () => {
    const settings = tinyPets({ propagation: 'ts1', exploration: 0.2 });
    await assertGoesOn(() => petsIn('Pendulum-v1', [3, 4], [settings]), [12, 19, 20]);
  });

  test('a member learns beside another what it learns alone', async () => {
    const settings = [tinyPets(), tinyPets({ learningRate: 1e-2, weightDecay: 0.1 })] as const;
    const life = (seeds: number[], own: PetsSettings[]) => petsIn('CartPole-v1', seeds, own);
    await assertAlone(life, [5, 6], settings);
  });

  test('updates with planning leave no tensor behind', async () => {
    for (const environment of ['CartPole-v1', 'Pendulum-v1']) {
      await assertLeavesNothing(() => petsIn(environment, [1], [tinyPets({ pretraining: 3 })]));
    }
  });

  test('learns first, then acts: as many updates as said, at once and then in rows', async () => {
    const { live, agent } = petsIn('CartPole-v1', [2], [tinyPets({ pretraining: 7 })]);
    const updates: number[] = [];
    let before = 0;
    for (const step of [11, 12, 15, 16, 20]) {
      updates.push(await live(before, step));
      before = step;
    }
    assert.deepEqual(updates, [0, 7, 7, 9, 11]);
    await agent.drainLosses();
    agent.dispose();
  });

  test('weights without decay are those of the loss alone, and decay draws weights, not biases', async () => {
    const normOf = async (weightDecay: number) => {
      const { live, agent } = petsIn('CartPole-v1', [2], [tinyPets({ weightDecay, pretraining: 20 })]);
      await live(0, 12);
      const rows = await agent.drainLosses();
      agent.dispose();
      const { loss, nll, bounds, continue: ends, weight_decay: decay, weight_norm } = rows.at(-1)![0]!;
      const sum = nll! + 0.01 * bounds! + ends! + decay!;
      assert.ok(Math.abs(loss! - sum) < 1e-4 * Math.max(1, Math.abs(sum)), `${loss} is not ${sum}`);
      return { decay: decay!, norm: weight_norm! };
    };
    const [without, strong] = [await normOf(0), await normOf(3)];
    assert.equal(without.decay, 0);
    assert.ok(strong.decay > 0 && strong.norm < without.norm);
  });

  test('plays the same from the same noise by both policies, which are one', async () => {
    const { live, agent } = petsIn('Pendulum-v1', [9], [tinyPets()]);
    await live(0, 16);
    const play = (policy: PolicyName, seed: number) =>
      new ActingLoop(agent, policy, 'greedy', 1, 1).act(Float32Array.of(0.5, -0.5, 1), [
        RandomStream.named(seed, 'acting'),
      ]);
    const [action] = await play('online', 1);
    assert.deepEqual([...(await play('average', 1))], [action]);
    assert.notDeepEqual([...(await play('online', 2))], [action], 'candidates and particles are random');
    await agent.drainLosses();
    agent.dispose();
  });

  test('predicts the pendulum after some hundred random steps', async () => {
    const entry = environmentEntry('Pendulum-v1');
    const keys = { randomSteps: 300, pretraining: 300, replay: { capacity: 300, batch: 32 } };
    const settings = tinyPets({ ...keys, model: { networks: 2, layers: 2, units: 32, continueHead: false } });
    const { live, agent } = petsIn('Pendulum-v1', [4], [settings]);
    const episodes = firstOf(heldOutSet(entry), 4, 100, agentSpaces(entry));
    const errors = async () => {
      const [row] = await agent.diagnose(() => episodes, [episodes], [0]);
      return [row!.prediction_mse_standardised!, row!.open_loop_mse_5!] as const;
    };
    const before = await errors();
    await live(0, 300);
    const after = await errors();
    assert.ok(after[0] < 0.02 && after[0] < before[0] / 4, `${before} to ${after}`);
    await agent.drainLosses();
    agent.dispose();
  });
});
