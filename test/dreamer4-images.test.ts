import assert from 'node:assert/strict';
import { cpSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { evaluateRun } from '../src/experiment/evaluate-run.ts';
import type { WorkerMessage } from '../src/experiment/messages.ts';
import { dataLearntFrom } from '../src/experiment/recorded-data.ts';
import { dreamer4 } from '../src/methods/dreamer4/agent.ts';
import { imagesAtOnce, latentsOf, observationsOf, tokenized } from '../src/methods/dreamer4/latents.ts';
import { initialWeights, type Networks, networksOf } from '../src/methods/dreamer4/networks.ts';
import {
  type Dreamer4Settings,
  dreamer4DataRefusal,
  dreamer4Settings,
} from '../src/methods/dreamer4/settings.ts';
import { StoredLatents } from '../src/methods/dreamer4/stored-latents.ts';
import type { MayDream } from '../src/models/dreams.ts';
import { RandomStream } from '../src/random/stream.ts';
import { readCsv } from '../src/runs/csv.ts';
import { DataSet } from '../src/runs/data-set.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import type { Agent } from '../src/training/agent.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { drawnFrames } from '../src/training/frames.ts';
import { heldOutEpisodes } from '../src/training/recorded-episodes.ts';
import { emptyBatch, type Sequences } from '../src/training/replay.ts';
import { agentIn, assertAlone, assertLeavesNothing } from './support/dreamer-runs.ts';
import { collectMix, dreamer4Config, tinyDreamer4 } from './support/dreamer4-runs.ts';
import { runInfo } from './support/run-folders.ts';
import { result, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose } from './support/tensors.ts';

const ENVIRONMENT = 'MinAtar/Breakout-v0';

const tinyKeys = {
  ...tinyDreamer4,
  phases: { ...tinyDreamer4.phases, tokenizer: 6 },
  tokenizer: {
    ...{ patch: 5, latents: 3, channels: 2, tokens: 2, width: 4, heads: 1, hidden: 4, layers: 1 },
    batch: 5,
  },
};
const tiny = (changes: object = {}): Dreamer4Settings => dreamer4Settings.parse({ ...tinyKeys, ...changes });

/** A tokenizer's fresh parameters, of members with these seeds. */
const freshTokenizer = (networks: Networks, seeds: readonly number[]): tf.Tensor2D =>
  initialWeights(networks, (name) => seeds.map((seed) => RandomStream.named(seed, name))).tokenizer!
    .parameters;

const root = temporaryFolder('dreamer4-images');
const data = path.join(root, 'breakout');

/** @param heldOut share of the episodes that it is measured on, which takes longest of all */
const load = (heldOut = 0) =>
  loadExperiment({
    file: 'c.yaml',
    text: dreamer4Config(data, 24, { environment: ENVIRONMENT, ...tinyKeys }, heldOut),
  });

describe('on images', () => {
  const folder = (name: string) => {
    const dir = path.join(root, name);
    mkdirSync(dir);
    return dir;
  };
  before(async () => {
    await collectMix(data, ENVIRONMENT, 500, ['random=0.3', 'controller=0.7']);
  });

  test('killed or stopped in any phase, it goes on to the bytes of one never stopped', async () => {
    const whole = folder('whole');
    await sitDown(load(), whole);
    const { state, updates } = result(whole, 1);
    assert.deepEqual([state.step, updates], [24, 24]);
    const killed = folder('killed');
    for (let time = 0; time < 3; time++) {
      const killAfter = (messages: readonly WorkerMessage[]) => messages.length > 1;
      await assert.rejects(sitDown(load(), killed, { killAfter }), /^Error: killed$/);
    }
    await sitDown(load(), killed);
    const stopped = folder('stopped');
    // In the middle of each phase, the tokenizer's first.
    for (let sitting = 0; sitting < 6; sitting++) await sitDown(load(), stopped, { turn: 4 });
    for (const dir of [killed, stopped]) assert.deepEqual(result(dir, 1), result(whole, 1), dir);
  });

  test('learns alone what it learns beside another with settings of its own, and leaves no tensor behind', async () => {
    const episodes = new DataSet(data);
    const [slow, fast] = [1e-3, 3e-3].map((learningRate) =>
      tiny({
        optimizer: { warmUp: 2, learningRate },
        tokenizer: { ...tinyKeys.tokenizer, learningRate },
      }),
    );
    const make = (seeds: number[], settings: Dreamer4Settings[] = [slow!]) =>
      agentIn<Dreamer4Settings, Agent>(dreamer4.create, ENVIRONMENT, seeds, settings, episodes);
    await assertAlone(make, [3, 4], [slow!, fast!]);
    await assertLeavesNothing(() => make([1]));
  });

  test('a run is evaluated on the episodes that were held out; without them it says why it is not measured', async () => {
    const experiment = load(0.2);
    const dir = path.join(root, 'measured');
    RunFolder.open(dir, { configText: formatExperiment(experiment), info: runInfo('dreamer4', 'wasm') });
    await sitDown(experiment, dir);
    const column = (file: string, name: string) =>
      readCsv(path.join(dir, 'seed-1', file))!.rows.map((row) => row[name]);
    assert.deepEqual(column('metrics.csv', 'phase'), [0, 1, 2, 3]);
    const has = (file: string, name: string) => column(file, name).map((x) => x !== null);
    assert.deepEqual(has('metrics.csv', 'reconstruction_f1'), [true, true, true, true]);
    assert.deepEqual(has('metrics.csv', 'open_loop_15_k4'), [false, true, true, true]);
    assert.deepEqual(has('metrics.csv', 'imagined_return'), [false, false, true, true]);
    assert.deepEqual(has('losses.csv', 'reconstruction'), [true, true, false, false]);
    assert.deepEqual(has('losses.csv', 'flow_0'), [false, true, true, true]);
    const evaluated = () =>
      evaluateRun(dir, {
        ...{ checkpoint: 'last', episodes: 2, engine: 'wasm' },
        ...{ planner: undefined, clock: () => 0, begin: () => {} },
      });
    const { unmeasured, seeds, diagnostics } = await evaluated();
    assert.equal(unmeasured, null);
    const last = readCsv(path.join(dir, 'seed-1', 'metrics.csv'))!.rows.at(-1)!;
    // What training measured after its last update, of the same episodes.
    for (const name of diagnostics) assert.equal(seeds[0]!.diagnosis[name], last[name], name);
    const away = `${data}-away`;
    renameSync(data, away);
    try {
      const without = await evaluated();
      assert.match(without.unmeasured!, /breakout does not exist; give a folder that wm collect made$/);
      assert.equal(without.seeds[0]!.diagnosis.reconstruction_f1, null);
    } finally {
      renameSync(away, data);
    }
    const other = { ...experiment, data: path.join(root, 'other') };
    cpSync(data, other.data, { recursive: true });
    const states = [result(dir, 1).state];
    assert.ok('data' in dataLearntFrom(other, states)!);
    const fingerprint = { ...states[0]!.arrays['data.fingerprint']!, data: new Uint8Array(32) };
    const learnt = { ...states[0]!, arrays: { ...states[0]!.arrays, 'data.fingerprint': fingerprint } };
    assert.deepEqual(dataLearntFrom(other, [learnt]), {
      why: `${other.data} is another data set than the one that was learnt from`,
    });
  });

  test('the latents of the episodes that are learnt from are stored, and of no other', async () => {
    await startEngine('wasm');
    const spaces = agentSpaces(environmentEntry(ENVIRONMENT));
    const networks = networksOf(tiny(), spaces);
    const episodes = new DataSet(data);
    const { training, heldOut } = heldOutEpisodes(episodes, 0.3);
    const tokenizer = freshTokenizer(networks, [1, 2]);
    const stored = await StoredLatents.encode(
      { networks, data: episodes, episodes: training, spaces },
      tokenizer,
    );
    const drawn = (own: Int32Array) => {
      const { examples, draw } = drawnFrames(episodes, { episodes: [own, own], count: 9 }, spaces);
      for (const member of [0, 1]) draw(member, RandomStream.named(member, 'drawn'));
      return examples;
    };
    const frames = drawn(training);
    tf.tidy(() => {
      const images = tf.tensor(frames.observation, [2, 9, 1, 400]);
      assertClose(stored.of(frames), tokenized(networks, { tokenizer }, images).dataSync(), 1e-5);
      const frame = (x: tf.Tensor) => x.dataSync().subarray(0, 6);
      const starts = episodes.lengths.map((_, i) =>
        episodes.lengths.slice(0, i).reduce((n, l) => n + l + 1, 0),
      );
      const learnt = [...training].flatMap((episode) =>
        Array.from({ length: episodes.lengths[episode]! + 1 }, (_, t) => starts[episode]! + t),
      );
      const all = tf.tensor2d(stored.of({ members: 1, index: Int32Array.from(learnt) }), [learnt.length, 6]);
      assertClose(frame(stored.moments()), frame(tf.mean(all, 0)), 1e-5);
    });
    assert.throws(() => stored.of(drawn(heldOut)), /^RangeError: frame \d+ was not encoded$/);
  });

  test('dreams along real actions: seen up to the start, then sampled, the same at every call', async () => {
    await startEngine('wasm');
    const settings = tiny();
    const life = agentIn<Dreamer4Settings, Agent & MayDream>(
      dreamer4.create,
      ENVIRONMENT,
      [1, 2],
      [settings],
      new DataSet(data),
    );
    await life.live(0, 19);
    const spaces = agentSpaces(environmentEntry(ENVIRONMENT));
    // Two episodes of six and three steps, of boards that tell them apart.
    const episodes: Sequences = { ...emptyBatch(1, 2, 6, spaces), mask: new Float32Array(12) };
    const bit = (i: number) => Number(Math.sin(7.3 * i * i + 1) > 0.7);
    for (let i = 0; i < episodes.observation.length; i++) episodes.observation[i] = bit(i);
    for (let i = 0; i < 12; i++) episodes.action[i] = (3 * i) % 6;
    for (const row of [0, 1, 2, 3, 4, 5, 6, 7, 8]) episodes.mask[row] = 1;
    const before = tf.memory().numTensors;
    const held = tf.backend().numDataIds();
    const dreamt = await life.agent.dream!(1, episodes, { from: 1, every: 3 });
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(
      dreamt.map((steps) => steps.map(({ dreamt }) => dreamt)),
      [
        [0, 0, 1, 2, 3, 1, 2],
        [0, 0, 1, 2],
      ],
    );
    for (const { observation, reward, continueProbability, dreamt: steps } of dreamt.flat()) {
      assert.equal(observation.length, 400);
      assert.ok(observation.every((x) => x >= 0 && x <= 1));
      assert.equal(reward === null, steps === 0);
      assert.ok(steps === 0 || (continueProbability! > 0 && continueProbability! < 1));
    }
    assert.deepEqual(await life.agent.dream!(1, episodes, { from: 1, every: 3 }), dreamt);
    // What comes after a dream's start is seen by none: only its action is.
    const other = { ...episodes, observation: Float32Array.from(episodes.observation) };
    other.observation.fill(0, 2 * 400, 3 * 400);
    const again = await life.agent.dream!(1, other, { from: 1, every: 3 });
    for (const t of [1, 2, 3, 4]) assert.deepEqual(again[0]![t], dreamt[0]![t]);
    const acted = { ...episodes, action: episodes.action.slice() };
    acted.action[1] = 5;
    const led = await life.agent.dream!(1, acted, { from: 1, every: 3 });
    assert.notDeepEqual(led[0]![2], dreamt[0]![2]);
    assertClose(led[1]![3]!.observation, dreamt[1]![3]!.observation, 1e-5);
    // Nothing stays of a dream that fails, neither tensors nor what the engine keeps of its program.
    const longer = { ...episodes, observation: new Float32Array(13 * 400) };
    await assert.rejects(life.agent.dream!(1, longer, { from: 1, every: 3 }), /should have 4800 values/);
    assert.deepEqual([tf.memory().numTensors, tf.backend().numDataIds()], [before, held]);
    await life.agent.drainLosses();
    life.agent.dispose();
  });
});

test('images are encoded and decoded some at a time: the same, and the memory of many is that of few', async () => {
  await startEngine('wasm');
  const spaces = agentSpaces(environmentEntry('CartPole-v1', { pixels: { size: 32, frames: 1 } }));
  const networks = networksOf(tiny({ tokenizer: { ...tinyKeys.tokenizer, patch: 2, heads: 4 } }), spaces);
  const atOnce = imagesAtOnce(networks.tokenizer!.shape);
  assert.equal(atOnce, Math.floor(2 ** 22 / (4 * (3 + 256) ** 2)));
  const latent = tf.concat([tf.zeros([1, 6]), tf.ones([1, 12])], 1) as tf.Tensor2D;
  const weights = { tokenizer: freshTokenizer(networks, [1]), latent };
  const again = (images: tf.Tensor) =>
    observationsOf(networks, weights, latentsOf(networks, weights, images));
  const count = 2 * atOnce + 3;
  const cells = Float32Array.from({ length: count * 1024 }, (_, i) => 255 * Math.abs(Math.sin(i * i)));
  const images = tf.tensor(cells, [1, count, 1, 1024]);
  const some = (from: number, size: number) => tf.slice(images, [0, from, 0, 0], [1, size, 1, 1024]);
  const values = (from: number, size: number) => tf.tidy(() => again(some(from, size)).dataSync());
  const whole = values(0, count);
  for (const at of [0, atOnce - 1, atOnce, count - 1])
    assertClose(whole.subarray(at * 1024, (at + 1) * 1024), values(at, 1), 1e-6, `image ${at}`);
  const peak = async (size: number) => (await tf.profile(() => again(some(0, size)))).peakBytes;
  const [few, many] = [await peak(atOnce), await peak(count)];
  assert.ok(many < 1.1 * few, `${many} bytes instead of ${few}`);
});

test('latents that memory does not hold are refused by the names of the keys', () => {
  const lengths = Int32Array.of(3_999_999, 1_000_000);
  const many = (heldOut: number) =>
    tiny({ heldOut, tokenizer: { ...tinyKeys.tokenizer, latents: 8, channels: 4 } });
  assert.equal(
    dreamer4DataRefusal(many(0.1), lengths),
    'the latents of the 5,000,001 frames that are learnt from take 641 MB, and 500 MB of each seed are kept at most; choose fewer tokenizer.latents or tokenizer.channels, or a smaller data set',
  );
  // The second of two is held out.
  assert.equal(dreamer4DataRefusal(many(0.5), Int32Array.of(3_899_999, 1_100_000)), undefined);
  assert.equal(dreamer4DataRefusal(tiny(), lengths), undefined);
  assert.equal(dreamer4DataRefusal(tiny({ phases: { tokenizer: 0 } }), lengths), undefined);
});

test('what the keys must hold is one sentence', () => {
  const images = `environment: ${ENVIRONMENT}`;
  const cases: [string, string, string][] = [
    [
      images,
      'tokenizer: { patch: 3 }',
      '4:21: tokenizer.patch must divide the sides of an image, and 3 does not divide 10 × 10',
    ],
    [images, 'tokenizer: { masked: 1 }', '4:22: tokenizer.masked: expected a number >= 0 and < 1, got 1'],
    [
      images,
      'tokenizer: { masked: -0.1 }',
      '4:22: tokenizer.masked: expected a number >= 0 and < 1, got -0.1',
    ],
    [
      images,
      'tokenizer: { tokens: 5 }',
      '4:22: tokenizer.tokens must divide tokenizer.latents · tokenizer.channels, the numbers that they share',
    ],
    [images, 'tokenizer: { heads: 5 }', '4:21: tokenizer.heads must divide tokenizer.width'],
    [
      images,
      'phases: { tokenizer: 0 }',
      '4:22: phases.tokenizer must be above 0 where observations are images, as in MinAtar/Breakout-v0, or nobody makes latents of them',
    ],
    [
      'environment: CartPole-v1',
      'phases: { tokenizer: 500 }',
      '4:22: phases.tokenizer must be 0 where observations are vectors, as in CartPole-v1: there is nothing to learn',
    ],
  ];
  for (const [environment, keys, message] of cases) {
    const phases = keys.startsWith('phases') ? '' : 'phases: { tokenizer: 500 }';
    const text = `method: dreamer4\ndata: d\n${environment}\n${keys}\nsteps: 4000\nevaluation: { every: 500 }\n${phases}`;
    assert.throws(
      () => loadExperiment({ file: 'c.yaml', text }),
      ({ name, message: said }: Error) => name === 'UserError' && said.startsWith(`c.yaml:${message}`),
      keys,
    );
  }
});
