import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { cartPoleDrawing } from '../src/envs/cartpole.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { Camera } from '../src/envs/pixels.ts';
import { haSchmidhuber } from '../src/methods/ha-schmidhuber/agent.ts';
import { modelSettings, networks } from '../src/methods/ha-schmidhuber/networks.ts';
import { haSchmidhuberSettings } from '../src/methods/ha-schmidhuber/settings.ts';
import { vaeOf } from '../src/models/mdn-rnn/networks.ts';
import { decode, type ImageLoss, reconstructionError } from '../src/models/vae/decoder.ts';
import { encode } from '../src/models/vae/encoder.ts';
import { vaeShape } from '../src/models/vae/vae.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { emptyBatch } from '../src/training/replay.ts';
import { read } from './support/reference.ts';
import { assertClose } from './support/tensors.ts';

describe('what decoded images are learnt by', () => {
  before(() => startEngine('wasm'));

  test('how far a decoded image is off, in nats or squared', () => {
    tf.tidy(() => {
      const ofImages = vaeShape(
        { hidden: [8], latent: 4 },
        { observation: 4, image: [2, 2, 1] },
        { channels: [1] },
      );
      const ofVectors = vaeShape({ hidden: [8], latent: 4 }, { observation: 4 });
      const logits = [-30, -2, 0.5, 40];
      const cells = [0, 0.25, 0.5, 1];
      const seen = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
      const surprise = (p: number, q: number) => (p === 0 ? 0 : p * Math.log(p / q));
      const divergence = cells.map((p, i) => surprise(p, seen[i]!) + surprise(1 - p, 1 - seen[i]!));
      const squared = (x: number[]) => x.reduce((sum, x, i) => sum + (x - cells[i]!) ** 2, 0);
      const [output, observation] = [tf.tensor3d(logits, [1, 1, 4]), tf.tensor3d(cells, [1, 1, 4])];
      const found = (vae: typeof ofImages, loss: ImageLoss) =>
        read(reconstructionError(vae, output, observation, loss));
      assertClose(found(ofImages, 'cross-entropy'), [divergence[1]! + divergence[2]!], 2e-6);
      assertClose(found(ofImages, 'squared'), [squared(seen)], 2e-6);
      for (const loss of ['cross-entropy', 'squared'] as const) {
        assertClose(found(ofVectors, loss), [squared(logits)], 2e-6);
      }
      // Each cell's x̂ − õ, on the wrong side of the logistic function too.
      const wrong = tf.tensor3d([1, 0.25, 0.5, 0], [1, 1, 4]);
      const gradient = tf.grad(
        (x) => tf.sum(reconstructionError(ofImages, x, wrong, 'cross-entropy')) as tf.Scalar,
      );
      assertClose(read(gradient(output)), [-1, seen[1]! - 0.25, seen[2]! - 0.5, 1], 2e-6);
    });
  });

  test('a VAE draws what moves: it comes closer to pictures than their mean does', async () => {
    const random = RandomStream.named(20, 'pictures');
    const entry = environmentEntry('CartPole-v1', { pixels: { size: 16, frames: 1 } });
    const spaces = agentSpaces(entry);
    const { observation: cells } = spaces;
    const settings = haSchmidhuberSettings.parse({
      model: { latent: 8, hidden: [64] },
      encoder: { channels: [8, 16] },
      vae: { learningRate: 3e-3 },
    });
    const camera = new Camera(cartPoleDrawing, 16);
    const pictures = Array.from({ length: 256 }, () =>
      camera.picture([4 * random.uniform() - 2, 0, 0.4 * random.uniform() - 0.2, 0]),
    );
    const agent = haSchmidhuber.create([{ seed: 20, settings }], spaces);
    const batch = emptyBatch(1, 32, 1, spaces);
    for (let update = 1; update <= 300; update++) {
      for (let i = 0; i < 32; i++) {
        batch.observation.set(pictures[random.integer(pictures.length)]!, i * cells);
      }
      agent.fitVae(batch, update);
    }
    const [state] = await agent.save();
    await agent.drainLosses();
    agent.dispose();

    tf.tidy(() => {
      const layout = networks(settings, spaces).vae!;
      const parameters = layout.unpack(
        tf.tensor2d(state!.arrays.vae!.data as Float32Array, [1, layout.size]),
      );
      const vae = vaeOf(modelSettings(settings), spaces);
      const truth = tf.div(
        tf.stack([tf.stack(pictures.map((picture) => tf.tensor1d(picture, 'float32')))]),
        255,
      );
      const decoded = decode(parameters, vae, encode(parameters, vae, truth).mean);
      const off = (x: tf.Tensor) => read(tf.sum(tf.square(tf.sub(x, truth))))[0]! / pictures.length;
      const [own, ofMean, ofBlack] = [decoded, tf.mean(truth, 1, true), tf.zerosLike(truth)].map(off);
      assert.ok(own! < 0.5 * ofMean!, `${own}; their mean ${ofMean}, black ${ofBlack}`);
    });
  });
});
