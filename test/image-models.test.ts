import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { type EnvironmentEntry, environmentEntry } from '../src/envs/index.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { networks } from '../src/methods/vae-lstm/networks.ts';
import { type VaeLstmSettings, vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { modelLoss } from '../src/methods/vae-lstm/update.ts';
import { countLit, IMAGE_DIAGNOSTICS, meanF1, standstillF1 } from '../src/models/image-diagnostics.ts';
import { observationNetworks } from '../src/models/rssm/observations.ts';
import { decode, decoderSpecs, type ImageLoss } from '../src/models/vae/decoder.ts';
import { encode, encoderSpecs } from '../src/models/vae/encoder.ts';
import { vaeShape } from '../src/models/vae/vae.ts';
import { cellsOf, type ImageEncoder, type ImageShape } from '../src/nn/convolution.ts';
import { ParameterLayout, type ParameterSpec, type Parameters } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import type { Agent } from '../src/training/agent.ts';
import { type AgentSpaces, agentSpaces } from '../src/training/agent-spaces.ts';
import type { Row } from '../src/training/events.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { firstOf, rowsOf, type Sequences } from '../src/training/replay.ts';
import {
  agentIn,
  assertAlone,
  assertGoesOn,
  assertLeavesNothing,
  dreamerIn,
  type Keys,
  tinyDreamer,
} from './support/dreamer-runs.ts';
import { processorEngines } from './support/engine-here.ts';
import { read } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

const breakout = 'MinAtar/Breakout-v0';
/** CartPole as pictures, and what they go through. */
const pixels = environmentEntry('CartPole-v1', { pixels: { size: 16, frames: 2 } });
const strided = { encoder: { channels: [2, 3], strides: [4, 2] } };
const held = heldOutSet(environmentEntry(breakout));

const tinyModel = { latent: 4, hidden: [8], lstm: 8 };
const tinyVae = (changes: object = {}): VaeLstmSettings =>
  vaeLstmSettings.parse({
    ...{ randomSteps: 12, updateEvery: 2, horizon: 3, imaginationStarts: 4 },
    replay: { capacity: 40, batch: 3, length: 4 },
    model: tinyModel,
    ...{ encoder: { channels: 2 }, critic: { hidden: [8] }, actor: { hidden: [8] } },
    ...changes,
  });
const vaeIn = (
  environment: string | EnvironmentEntry,
  seeds: readonly number[],
  ...settings: VaeLstmSettings[]
) => agentIn(vaeLstm.create, environment, seeds, settings);
const dreamerOn = (
  environment: string | EnvironmentEntry,
  seeds: readonly number[],
  changes: Keys = { encoder: { channels: 2 } },
) => dreamerIn(environment, seeds, [tinyDreamer(changes)]);

describe('models of images', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('images are encoded and decoded as tfjs does it by convolutions of its own', async () => {
    await startEngine('cpu');
    tf.tidy(() => {
      const image: ImageShape = [5, 4, 2];
      const [rows, size, channels, units, latent] = [6, 40, 3, 4, 3];
      const planes = 3 * 2 * channels;
      const x = tf.sigmoid(upload(normals(1, 'x', [1, rows, size])));
      const features = upload(normals(1, 'features', [1, rows, latent]));
      const parametersOf = (specs: readonly ParameterSpec[]) => {
        const layout = new ParameterLayout(specs);
        return layout.unpack(upload(normals(1, 'weights', [1, layout.size])) as tf.Tensor2D);
      };
      type Act = (x: tf.Tensor) => tf.Tensor;
      const silu: Act = (x) => tf.mul(x, tf.sigmoid(x));
      const rms: Act = (x) => tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-4)));
      /** One member's parameter. */
      const own = (parameters: Parameters, name: string, part: string) =>
        tf.squeeze(parameters.get(`${name}.${part}`), [0]);
      const dense = (parameters: Parameters, name: string, x: tf.Tensor) =>
        tf.add(tf.matMul(x as tf.Tensor2D, own(parameters, name, 'weight')), own(parameters, name, 'bias'));
      const normalised = (parameters: Parameters, name: string, x: tf.Tensor) =>
        silu(tf.mul(rms(x), own(parameters, name, 'scale')));
      const seen = (parameters: Parameters, x: tf.Tensor) => {
        const kernel = tf.reshape(own(parameters, 'encoder.convolution', 'weight'), [3, 3, 2, channels]);
        const images = tf.reshape(x, [rows, ...image]) as tf.Tensor4D;
        const sum = tf.conv2d(images, kernel as tf.Tensor4D, 1, 'valid');
        return tf.add(sum, own(parameters, 'encoder.convolution', 'bias'));
      };
      const shown = (parameters: Parameters, made: tf.Tensor) => {
        const weight = tf.reshape(own(parameters, 'decoder.image', 'weight'), [channels, 3, 3, 2]);
        const kernel = tf.transpose(weight, [1, 2, 3, 0]) as tf.Tensor4D;
        const images = tf.reshape(made, [rows, 3, 2, channels]) as tf.Tensor4D;
        const sum = tf.conv2dTranspose(images, kernel, [rows, ...image], 1, 'valid');
        return tf.sigmoid(tf.add(sum, own(parameters, 'decoder.image', 'bias')));
      };
      const flat = (x: tf.Tensor) => tf.reshape(x, [rows, -1]);

      const { model } = tinyDreamer({ model: { units } });
      const ofRssm = observationNetworks({ ...model, encoder: { channels } }, { observation: size, image });
      const there = parametersOf(ofRssm.encoderSpecs());
      const convolved = normalised(there, 'encoder.convolution', seen(there, tf.sub(x, 0.5)));
      const encoded = normalised(there, 'encoder.0', dense(there, 'encoder.0', flat(convolved)));
      assertClose(read(ofRssm.encode(there, x)), read(encoded), 1e-4, 'RSSM, e');
      const back = parametersOf(ofRssm.decoderSpecs(latent));
      const hidden = normalised(back, 'decoder.0', dense(back, 'decoder.0', flat(features)));
      const made = normalised(back, 'decoder.planes', dense(back, 'decoder.planes', hidden));
      assertClose(read(ofRssm.decode(back, features)), read(shown(back, made)), 1e-4, 'RSSM, x̂');

      const vae = vaeShape({ hidden: [units], latent }, { observation: size, image }, { channels });
      const to = parametersOf(encoderSpecs(vae));
      const layer = tf.relu(dense(to, 'encoder.0', flat(tf.relu(seen(to, x)))));
      const mean = tf.slice(dense(to, 'encoder.1', layer), [0, 0], [rows, latent]);
      assertClose(read(encode(to, vae, x).mean), read(mean), 1e-4, 'VAE, μ');
      const from = parametersOf(decoderSpecs(vae));
      const first = tf.relu(dense(from, 'decoder.0', flat(features)));
      const second = tf.relu(dense(from, 'decoder.1', first));
      assert.equal(second.shape[1], planes);
      assertClose(read(decode(from, vae, features)), read(shown(from, second)), 1e-4, 'VAE, x̂');
    });
    await startEngine('wasm');
  });

  for (const [image, encoder, loss] of [
    [[5, 4, 2], { channels: 3 }, 'cross-entropy'],
    [[8, 8, 1], strided.encoder, 'squared'],
  ] as const) {
    test(`the gradient of a VAE + LSTM is the slope of its loss: images of ${image.join(' × ')}, ${loss}`, () => {
      assertSlopes(image, encoder, loss);
    });
  }

  /** By every parameter of encoder and decoder. */
  const assertSlopes = (image: ImageShape, encoder: ImageEncoder, imageLoss: ImageLoss) => {
    tf.tidy(() => {
      const cells = cellsOf(image);
      const spaces: AgentSpaces = {
        ...{ image, observation: cells, observationScale: Array(cells).fill(1), actions: 3 },
        ...{ rewardRange: [0, 1], rewardScale: 1, actionSpace: { kind: 'discrete', n: 3 } },
      };
      const settings = tinyVae({ encoder, model: { ...tinyModel, imageLoss } });
      const layouts = networks(settings, spaces);
      const layout = layouts.model;
      const [members, batch, time] = [2, 2, 3];
      const steps = (name: string) => upload(normals(1, name, [members, batch, time])) as tf.Tensor3D;
      const images = (name: string) =>
        tf.sigmoid(upload(normals(1, name, [members, batch, time, cells]))) as tf.Tensor4D;
      const bits = (every: number) =>
        tf.tensor3d(
          Array.from({ length: members * batch * time }, (_, i) => Number(i % every === 0)),
          [members, batch, time],
        );
      const windows = {
        ...{ observation: images('o'), nextObservation: images('next'), reward: steps('r') },
        action: upload(normals(1, 'a', [members, batch, time, 3])),
        ...{ terminated: bits(5), first: bits(4) },
      };
      const noise = upload(normals(1, 'noise', [members, batch, 2 * time, 4]));
      const weights = tf.mul<tf.Tensor2D>(0.4, upload(normals(1, 'weights', [members, layout.size])));
      const scalars = { beta: tf.tensor1d([0.9, 0.2]), lambda: tf.tensor1d([0, 0]) };
      // What the prediction is held against is a constant, and would move with the weights.
      const whole = { ...settings, model: { ...settings.model, latentWeight: 0 } };
      const loss = (flat: tf.Tensor2D) =>
        tf.sum(modelLoss(layout.unpack(flat), layouts.vae, undefined, windows, noise, scalars, whole).loss);
      const gradient = read(tf.grad(loss as (flat: tf.Tensor) => tf.Scalar)(weights));
      const total = Math.hypot(...gradient);
      let offset = 0;
      for (const [i, { name }] of layout.specs.entries()) {
        const size = layout.sizes[i]!;
        if (/^(encoder|decoder)/.test(name)) {
          const direction = new Float32Array(members * layout.size);
          const random = normals(2, name, [size]).data;
          direction.set(
            random.map((x) => x / Math.hypot(...random)),
            layout.size + offset,
          );
          const slope = direction.reduce((sum, x, at) => sum + x * gradient[at]!, 0);
          const own = gradient.subarray(layout.size + offset, layout.size + offset + size);
          assert.ok(Math.hypot(...own) > 1e-3 * total, `${name} does not move`);
          const at = (h: number) =>
            tf.tidy(() => read(loss(tf.add(weights, tf.mul(tf.tensor(direction, weights.shape), h))))[0]!);
          // The second, smaller step is for where the kink of a ReLU lies within the first.
          const found = [1 / 128, 1 / 1024].map((h) => (at(h) - at(-h)) / (2 * h));
          const off = Math.min(...found.map((x) => Math.abs(x - slope)));
          assert.ok(off < 5e-3 * Math.hypot(...own) + 2e-2, `${name}: ${found}, not ${slope}`);
        }
        offset += size;
      }
    });
  };

  test('a VAE + LSTM goes on to the byte, learns beside another what it learns alone, and leaves nothing', async () => {
    const settings = tinyVae();
    await assertGoesOn(() => vaeIn(breakout, [3, 4], settings), [21]);
    const faster = { ...settings, learningRate: 0.01 };
    await assertAlone((seeds, of) => vaeIn(breakout, seeds, ...of), [5, 6], [settings, faster]);
    await assertLeavesNothing(() => vaeIn(breakout, [5], settings));
    await assertLeavesNothing(() => dreamerOn(breakout, [5]));
    await assertLeavesNothing(() => dreamerOn(pixels, [5], strided));
  });

  /** Its weights after an update, and with a held-out set what is measured of it. */
  const measured = async (
    life: ReturnType<typeof agentIn<unknown, Agent>>,
    heldOut?: Sequences,
    own: readonly Sequences[] = [],
  ) => {
    await life.live(0, 14);
    const rows = heldOut
      ? await life.agent.diagnose(
          () => heldOut,
          own,
          own.map(() => 14),
        )
      : [];
    const states = await life.agent.save();
    await life.agent.drainLosses();
    life.agent.dispose();
    return { rows, states };
  };

  // Errors of 512 cells, times 50, would make differences of rounding large.
  const ofPixels = tinyVae({
    ...strided,
    model: { ...tinyModel, reconstructionWeight: 0.1 },
  });

  test(`updates and metrics are the same on ${processorEngines.join(', ')}`, async () => {
    // An episode that goes on for long enough.
    const heldOut = firstOf(rowsOf(held, 1, 2), 1, 26, agentSpaces(environmentEntry(breakout)));
    const cases = [
      () => measured(vaeIn(breakout, [1], tinyVae()), heldOut, [heldOut]),
      () => measured(dreamerOn(breakout, [1])),
      () => measured(vaeIn(pixels, [1], ofPixels)),
      () => measured(dreamerOn(pixels, [1], strided)),
    ];
    for (const result of cases) {
      let wanted: Awaited<ReturnType<typeof measured>> | undefined;
      for (const engine of processorEngines) {
        await startEngine(engine);
        const found = await result();
        wanted ??= found;
        for (const [name, { data }] of Object.entries(wanted.states[0]!.arrays)) {
          // A squared gradient is twice as far off as the gradient.
          const tolerance = name.endsWith('.square') ? 1e-2 : 1e-3;
          assertClose(found.states[0]!.arrays[name]!.data, data, tolerance, `${name} on ${engine}`);
        }
        for (const [column, value] of Object.entries(wanted.rows[0] ?? {})) {
          assertClose([found.rows[0]![column]!], [value!], 1e-3, `${column} on ${engine}`);
        }
      }
    }
    await startEngine('wasm');
  });

  test('a model that follows its sequences in parts is measured as one that follows them at once', async () => {
    // Five of Breakout's are followed at once; the last two of these end early.
    const sequences = rowsOf(held, 8, 20);
    const mask = sequences.mask.map((taken, i) => (i < 10 * sequences.time || i % 3 ? taken : 0));
    const heldOut = { ...sequences, mask };
    const of = (part: Sequences) => measured(vaeIn(breakout, [1], tinyVae()), part, [rowsOf(held, 0, 1)]);
    const [whole] = (await of(heldOut)).rows;
    assert.deepEqual(Object.keys(whole!), [...IMAGE_DIAGNOSTICS]);
    const parts = [rowsOf(heldOut, 0, 5), rowsOf(heldOut, 5, 10), rowsOf(heldOut, 10, 12)];
    const steps = parts.map(({ mask }) => mask.reduce((sum, taken) => sum + taken, 0));
    const rows: Row[] = [];
    for (const part of parts) rows.push((await of(part)).rows[0]!);
    const sum = rows.reduce((sum, { prediction_mse }, i) => sum + steps[i]! * prediction_mse!, 0);
    assertClose([whole!.prediction_mse!], [sum / steps.reduce((a, b) => a + b)], 1e-4);
  });

  test('F1 is the mean over channels, of those where anything is lit or predicted so', () => {
    tf.tidy(() => {
      // Two cells of three channels: the first is right in one of two cells, the second wrong, the third dark.
      const predicted = [0.6, 0.1, 0.5, 0.9, 0.7, 0];
      const actual = [1, 1, 0, 0, 0, 0];
      const bits = { image: [1, 2, 3], observationScale: new Array<number>(6).fill(1) } as const;
      const f1 = (mask?: tf.Tensor) =>
        read(
          meanF1(countLit(tf.tensor3d(predicted, [1, 2, 3]), tf.tensor3d(actual, [1, 2, 3]), bits, mask)),
        )[0]!;
      // 2 · 1 / (2 + 1) and 0
      assertClose([f1()], [1 / 3], 1e-6);
      // The second cell does not count: 1 and 0.
      assertClose([f1(tf.tensor3d([1, 0], [1, 2, 1]))], [1 / 2], 1e-6);
      assertClose(read(meanF1(tf.zeros([2, 3, 4]))), [0, 0], 0);
    });
  });

  test('F1 of a standstill is that of the images themselves', () => {
    const { image, observation, observationScale } = agentSpaces(environmentEntry(breakout));
    const images = { image: image!, observationScale };
    const sequences = rowsOf(held, 3, 5);
    const random = RandomStream.named(1, 'mask');
    const mask = sequences.mask.map(() => random.integer(2));
    const shape = [1, mask.length, observation];
    const [before, after] = [sequences.observation, sequences.nextObservation].map((x) =>
      tf.tensor(x, shape, 'float32'),
    ) as [tf.Tensor, tf.Tensor];
    const counted = countLit(before, after, images, tf.tensor(mask, [1, mask.length, 1]));
    const found = standstillF1({ ...sequences, mask }, images);
    assertClose([found], read(meanF1(counted)), 1e-5);
    // Bricks stand, the paddle often; ball and trail never.
    assert.ok(found > 0.25 && found < 0.5, `${found}`);
  });
});
