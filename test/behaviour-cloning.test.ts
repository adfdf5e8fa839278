import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import type { Space } from '../src/envs/spaces.ts';
import { type CollectOptions, collectData } from '../src/experiment/collect-data.ts';
import type { WorkerMessage } from '../src/experiment/messages.ts';
import { parseMix } from '../src/experiment/mix.ts';
import { Sitting } from '../src/experiment/sitting.ts';
import { behaviourCloning } from '../src/methods/behaviour-cloning/agent.ts';
import { type CloningSettings, cloningSettings } from '../src/methods/behaviour-cloning/settings.ts';
import { imitationLoss } from '../src/methods/behaviour-cloning/update.ts';
import { readCsv } from '../src/runs/csv.ts';
import { DataSet } from '../src/runs/data-set.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import type { Agent } from '../src/training/agent.ts';
import { bestEpisodes } from '../src/training/recorded-episodes.ts';
import { agentIn, assertAlone, assertLeavesNothing } from './support/dreamer-runs.ts';
import { runInfo } from './support/run-folders.ts';
import { result, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

const root = temporaryFolder('behaviour-cloning');

const made = { wmVersion: '0', gitCommit: null, gitChanges: null, node: 'v0', command: ['wm'] };

async function collect(name: string, mix: string[], rest: Partial<CollectOptions>): Promise<string> {
  const out = path.join(root, name);
  const runs = rest.runs ?? new Map<string, string>();
  await collectData(
    {
      ...{ out, runs, mix: parseMix(mix, [...runs.keys()]), environment: undefined, steps: 1000, seed: 0 },
      ...{ policySeed: undefined, engine: 'wasm', made },
      ...rest,
    },
    assert.fail,
  );
  return out;
}

describe('the loss', () => {
  const choices: Space = { kind: 'discrete', n: 3 };
  const box: Space = { kind: 'box', shape: [2], low: [-2, 0], high: [2, 1] };
  const cases: [name: string, space: Space, outputs: number, action: () => tf.Tensor][] = [
    ['choices', choices, 3, () => oneHot(tf.tensor2d([2, 0, 1, 1], [1, 4], 'int32'), 3)],
    ['a box', box, 4, () => tf.tensor3d([1, -1, 0.5, 0.2, -0.9, 0, 0.1, 0.3], [1, 4, 2])],
  ];

  /** −log π(a | o) of one step by its definition. */
  function nats(space: Space, output: number[], action: number[]): number {
    if (space.kind === 'discrete') {
      const total = output.reduce((sum, x) => sum + Math.exp(x), 0);
      return -Math.log(Math.exp(output[action.indexOf(1)]!) / total);
    }
    const dimensions = action.map((a, i) => {
      const sigma = 0.1 + 0.9 / (1 + Math.exp(-(output[action.length + i]! + 2)));
      const density =
        Math.exp(-(((a - Math.tanh(output[i]!)) / sigma) ** 2) / 2) / (sigma * Math.sqrt(2 * Math.PI));
      return -Math.log(density);
    });
    return dimensions.reduce((sum, x) => sum + x, 0);
  }

  test('is the mean of −log π(a | o), and its gradient what finite differences give', async () => {
    await startEngine('cpu');
    tf.tidy(() => {
      for (const [name, space, outputs, action] of cases) {
        const output = upload(normals(1, name, [1, 4, outputs]));
        const taken = action();
        const rows = (x: tf.Tensor) => (x.arraySync() as number[][][])[0]!;
        const expected = rows(output).map((row, i) => nats(space, row, rows(taken)[i]!));
        const loss = (x: tf.Tensor) => tf.sum(imitationLoss(space, x, taken)) as tf.Scalar;
        assertClose(loss(output).dataSync(), [expected.reduce((sum, x) => sum + x, 0) / 4], 1e-5, name);
        const direction = upload(normals(2, name, [1, 4, outputs]));
        const at = (step: number) => loss(tf.add(output, tf.mul(direction, step))).dataSync()[0]!;
        const slope = tf.sum(tf.mul(tf.grad(loss)(output), direction)).dataSync()[0]!;
        assertClose([(at(0.01) - at(-0.01)) / 0.02], [slope], 2e-3, name);
      }
    });
  });
});

test('the best episodes are those of greatest return, no more than hold the share', () => {
  const [lengths, returns] = [Int32Array.of(2, 2, 2, 2), Float64Array.of(1, 3, 2, 3)];
  assert.deepEqual([...bestEpisodes({ lengths, returns }, 0.5)], [1, 3]);
  assert.deepEqual([...bestEpisodes({ lengths, returns }, 0.51)], [1, 2, 3]);
  const episodes = fc.array(fc.record({ length: fc.integer({ min: 1, max: 9 }), return: fc.nat(5) }), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(episodes, fc.double({ min: 1e-9, max: 1, noNaN: true }), (all, share) => {
      const lengths = Int32Array.from(all, ({ length }) => length);
      const returns = Float64Array.from(all, (episode) => episode.return);
      const best = [...bestEpisodes({ lengths, returns }, share)];
      const steps = (of: number[]) => of.reduce((sum, episode) => sum + lengths[episode]!, 0);
      const wanted = share * steps([...all.keys()]);
      assert.ok(steps(best) >= wanted * (1 - 1e-12));
      const least = Math.min(...best.map((episode) => returns[episode]!));
      const last = best.filter((episode) => returns[episode] === least).at(-1)!;
      assert.ok(steps(best.filter((episode) => episode !== last)) < wanted);
      for (const episode of all.keys()) {
        if (best.includes(episode)) continue;
        assert.ok(returns[episode]! < least || (returns[episode] === least && episode > last));
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

const config = (data: string, rest = '') => `
method: behaviour-cloning
name: tiny
engine: wasm
data: ${data}
steps: 12
seeds: [1, 2]
logEvery: 5
batch: 3
actor: { hidden: [5] }
evaluation: { every: 6, episodes: 2 }
${rest}`;

const load = (text: string) => loadExperiment({ file: 'c.yaml', text });

describe('a run', () => {
  let data: string;
  let whole: string;

  const folder = (name: string) => {
    const dir = path.join(root, name);
    mkdirSync(dir);
    return dir;
  };

  before(async () => {
    data = await collect('cartpole', ['controller~0.2=1'], { environment: 'CartPole-v1' });
    whole = path.join(root, 'tiny');
    const experiment = load(config(data));
    const info = runInfo('behaviour-cloning', 'wasm');
    RunFolder.open(whole, { configText: formatExperiment(experiment), info }).close();
    await sitDown(experiment, whole);
  });

  test('takes an update for a step, with evaluations, losses and a checkpoint where it says', () => {
    const { state, steps, updates } = result(whole, 1);
    assert.deepEqual([state.step, state.update, steps, updates], [12, 12, 12, 12]);
    assert.notDeepEqual(result(whole, 2).state.streams, state.streams);
    const column = (file: string, name: string) =>
      readCsv(path.join(whole, 'seed-1', file))!.rows.map((row) => row[name]);
    assert.deepEqual(column('metrics.csv', 'env_step'), [6, 12]);
    assert.deepEqual(column('losses.csv', 'update'), [5, 10]);
    assert.ok(column('losses.csv', 'accuracy').every((share) => Number(share) >= 0 && Number(share) <= 1));
    assert.deepEqual(column('losses.csv', 'action_mse'), [null, null]);
  });

  test('killed or stopped, it goes on to the bytes of one never stopped', async () => {
    const experiment = load(config(data));
    const killed = folder('killed');
    const killAfter = (messages: readonly WorkerMessage[]) => messages.length === 4;
    await assert.rejects(sitDown(experiment, killed, { killAfter }), /^Error: killed$/);
    assert.equal(new SeedFolder(killed, 1).readCheckpoint()!.state.step, 6);
    await sitDown(experiment, killed);
    const stopped = folder('stopped');
    await sitDown(experiment, stopped, { stopAfter: (messages) => messages.length > 1 });
    await sitDown(experiment, stopped);
    for (const dir of [killed, stopped]) {
      for (const seed of [1, 2]) assert.deepEqual(result(dir, seed), result(whole, seed));
    }
  });

  test('learns alone what it learns beside another with settings of its own, and leaves no tensor behind', async () => {
    const episodes = new DataSet(data);
    const settings = [{ batch: 4 }, { batch: 4, learningRate: 0.01, bestShare: 0.3 }].map((keys) =>
      cloningSettings.parse({ ...keys, actor: { hidden: [5] } }),
    ) as [CloningSettings, CloningSettings];
    const make = (seeds: number[], own: CloningSettings[] = settings) =>
      agentIn<CloningSettings, Agent>(behaviourCloning.create, 'CartPole-v1', seeds, own, episodes);
    await assertAlone(make, [3, 4], settings);
    await assertLeavesNothing(() => make([1]));
  });

  test('with another data set is refused, before anything is written', async () => {
    const other = await collect('other', ['random=1'], { environment: 'CartPole-v1', steps: 20 });
    const used = {
      engine: { name: 'wasm', device: 'd', version: '1', isGpu: false, stacksMembers: false },
      reason: null,
    } as const;
    const dir = path.join(root, 'again');
    mkdirSync(dir);
    const experiment = load(config(data));
    const host = { ...runInfo('behaviour-cloning', 'wasm'), gitChanges: null };
    const sit = (fingerprint: Uint8Array, steps: number) =>
      new Sitting(root, { ...experiment, steps }, used, host, () => 0, { data: fingerprint }).close();
    sit(new DataSet(data).fingerprint, 18);
    assert.throws(() => sit(new DataSet(other).fingerprint, 18), {
      name: 'UserError',
      message: `${path.join(whole, 'seed-1')} learnt from another data set than ${data} holds now; restore that one, or choose another --name or --runs`,
    });
  });

  test('plays for another data set: sampled, greedy and with noise, from either checkpoint', async () => {
    const runs = new Map([['tiny', whole]]);
    const mix = ['last=0.3', 'best-greedy=0.3', 'tiny/last-greedy~0.5=0.4'];
    const dir = await collect('of-run', mix, { runs, steps: 60, policySeed: 2 });
    const { actors, environment, made } = new DataSet(dir).manifest;
    assert.deepEqual([environment, made.engine], ['CartPole-v1', 'wasm']);
    const best = new SeedFolder(whole, 2).readBest()!.state.step;
    const run = (checkpoint: string, step: number) => ({
      ...{ name: 'tiny', arm: 'behaviour-cloning', seed: 2, checkpoint, step },
    });
    assert.deepEqual(
      actors.map(({ policy, run, noise }) => [policy, run, noise]),
      [
        ['sampled', run('last', 12), 0],
        ['greedy', run('best', best), 0],
        ['greedy', run('last', 12), 0.5],
      ],
    );
    const again = await collect('of-run-again', mix, { runs, steps: 60, policySeed: 2 });
    assert.deepEqual(new DataSet(again).fingerprint, new DataSet(dir).fingerprint);
    const out = path.join(root, 'nobody');
    await assert.rejects(collect('nobody', ['last=1'], { runs, policySeed: 7 }), /has no seed 7/);
    assert.ok(!existsSync(out));
  });

  test('imitates the best alone where it is asked to, in a box too', async () => {
    const swing = await collect('pendulum', ['controller=0.5', 'random=0.5'], {
      ...{ environment: 'Pendulum-v1', steps: 1600 },
    });
    const episodes = new DataSet(swing);
    const errorOf = async (bestShare: number) => {
      const settings = cloningSettings.parse({ bestShare, learningRate: 0.01, batch: 32 });
      const life = agentIn(behaviourCloning.create, 'Pendulum-v1', [1], [settings], episodes);
      await life.live(0, 200);
      const rows = await life.agent.drainLosses();
      life.agent.dispose();
      return rows.slice(-20).reduce((sum, [row]) => sum + row!.action_mse! / 20, 0);
    };
    const [all, best] = [await errorOf(1), await errorOf(0.5)];
    // Half of all actions are uniform in [−1, 1], of variance 1/3, which nobody can foresee.
    assert.ok(best < 0.1 && all > 0.12, `${best} of the best, ${all} of all`);
  });
});

test('a data set where none is learnt from, or none where one must be, is one sentence', () => {
  const cases: [string, string][] = [
    [
      'method: ppo\ndata: d',
      'c.yaml:2:7: data: method ppo learns from what it plays itself and takes no data set; leave data out, or choose method behaviour-cloning or dreamer4',
    ],
    [
      'method: behaviour-cloning',
      'c.yaml:1:9: method behaviour-cloning learns from a data set alone; name its folder in the key data, such as data: data/cartpole (wm collect makes one)',
    ],
    [
      'method: behaviour-cloning\ndata: d\nenvironment: BlockingMaze',
      'c.yaml:3:14: method behaviour-cloning learns from a data set, and BlockingMaze changes with the steps taken in it; choose another environment or method',
    ],
    ['method: behaviour-cloning\ndata: 3', 'c.yaml:2:7: data: expected the folder of a data set, got 3'],
    [
      'method: behaviour-cloning\ndata: d\nbestShare: 0',
      'c.yaml:3:12: bestShare: expected a number > 0 and <= 1, got 0',
    ],
  ];
  for (const [text, message] of cases) assert.throws(() => load(text), { name: 'UserError', message });
  assert.equal(load('method: behaviour-cloning\ndata: d').name, 'behaviour-cloning');
  assert.equal(load('method: behaviour-cloning\ndata: d\nbestShare: 0.1').name, 'filtered-cloning');
  assert.deepEqual(
    readdirSync(root).filter((name) => name === 'd'),
    [],
  );
});
