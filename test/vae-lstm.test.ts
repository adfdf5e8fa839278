import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { latentTerms } from '../src/methods/vae-lstm/latents.ts';
import { initialWeights, namedWeights, networks, type Weights } from '../src/methods/vae-lstm/networks.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { applyGradients, gradients, lossTerms } from '../src/methods/vae-lstm/update.ts';
import { toWindows, uploadBatch } from '../src/models/windows.ts';
import { biasCorrection } from '../src/nn/adam.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { type Batch, emptyBatch } from '../src/training/replay.ts';
import { assertClose } from './support/tensors.ts';

const spaces = agentSpaces(environmentEntry('CartPole-v1'));
const [LATENT, STARTS, HORIZON, BATCH, TIME] = [4, 5, 3, 2, 3];
const seeds = [3, 8];
const shared = {
  horizon: HORIZON,
  imaginationStarts: STARTS,
  model: { latent: LATENT, hidden: [8], lstm: 8 },
  critic: { hidden: [8] },
};
/** Members that differ in everything that may. */
const settings = [
  vaeLstmSettings.parse({ ...shared, beta: { from: 1, to: 0, over: 100 }, actor: { hidden: [8] } }),
  vaeLstmSettings.parse({
    ...shared,
    beta: 0.3,
    lambda: 2,
    learningRate: 0.01,
    policyAverage: 0.9,
    actor: { hidden: [8], entropy: 0.1, learningRate: 0.02 },
  }),
] as const;
const layouts = networks(settings[0], spaces);
const streams = (name: string) => seeds.map((seed) => RandomStream.named(seed, name));

function randomBatch(): Batch {
  const batch = emptyBatch(seeds.length, BATCH, TIME, spaces);
  const random = RandomStream.named(1, 'batch');
  random.fillNormal(batch.observation);
  random.fillNormal(batch.nextObservation);
  batch.reward.fill(1);
  batch.action.forEach((_, i) => {
    batch.action[i] = random.integer(2);
    batch.terminated[i] = Number(random.integer(4) === 0);
    batch.first[i] = Number(i % TIME === 0);
  });
  return batch;
}

const createAgent = () =>
  vaeLstm.create(
    seeds.map((seed, member) => ({ seed, settings: settings[member]! })),
    spaces,
  );

/** Weights as `save` names them, [size] of each member. */
const valuesOf = (weights: Weights) =>
  seeds.map((_, member) =>
    Object.fromEntries(
      namedWeights(weights).map(([name, tensor]) => [name, [...tf.slice(tensor, member, 1).dataSync()]]),
    ),
  );

const freshWeights = () => initialWeights(layouts, streams('model-weights'), streams('actor-weights'), true);

/** An update worked from the streams' first draws: each member's noise, then its starts and the noise of its actions. */
function expectedUpdate(batch: Batch, step: number, update: number) {
  const posteriorSize = 2 * BATCH * TIME * LATENT;
  const posterior = streams('posterior').map((stream) => stream.fillNormal(new Float32Array(posteriorSize)));
  const imagination = streams('imagination');
  const starts = imagination.map((stream, member) =>
    Array.from({ length: STARTS }, () => member * BATCH * TIME + stream.integer(BATCH * TIME)),
  );
  const gumbel = imagination.map((stream) => stream.fillGumbel(new Float32Array(STARTS * HORIZON * 2)));
  const all = (parts: readonly Float32Array[], shape: number[]) =>
    tf.tensor(Float32Array.from(parts.flatMap((part) => [...part])), [seeds.length, ...shape]);
  const vector = (...values: number[]) => tf.tensor1d(values);
  const column = (...values: number[]) => tf.tensor2d(values, [seeds.length, 1]);
  const scalars = {
    beta: vector(1 - step / 100, 0.3),
    lambda: vector(0.5, 2),
    entropy: vector(1e-3, 0.1),
    learningRate: column(1e-3, 0.01),
    actorLearningRate: column(3e-4, 0.02),
    policyAverage: column(9 / (update + 8), 0.9),
  };
  const weights = freshWeights();
  const noise = all(gumbel, [STARTS, HORIZON, 2]) as tf.Tensor4D;
  const gradient = gradients(
    layouts,
    weights,
    toWindows(uploadBatch(batch, spaces), spaces),
    {
      posterior: all(posterior, [BATCH, 2 * TIME, LATENT]),
      starts: tf.tensor2d(starts, [seeds.length, STARTS], 'int32'),
      behaviour: { head: layouts.head, noise },
    },
    scalars,
    settings[0],
  );
  return applyGradients(layouts, weights, gradient, biasCorrection(update), scalars, settings[0]);
}

describe('the agent of the VAE + LSTM', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('begins with weights from streams of their names, and averages equal to them', async () => {
    const agent = createAgent();
    const states = await agent.save();
    agent.dispose();
    const wanted = tf.tidy(() => valuesOf(freshWeights()));
    for (const [member, { arrays }] of states.entries()) {
      assert.deepEqual(
        Object.fromEntries(Object.entries(arrays).map(([name, { data }]) => [name, [...data]])),
        wanted[member],
      );
    }
  });

  test('an update takes noise from streams of their names, β by step, rates by update, and all by member', async () => {
    const batch = randomBatch();
    const [step, update] = [40, 3];
    const agent = createAgent();
    agent.update(batch, step, update);
    const states = await agent.save();
    const [rows] = await agent.drainLosses();
    const latents = await agent.describeLatents!();
    agent.dispose();
    const wanted = tf.tidy(() => {
      const { weights, terms } = expectedUpdate(batch, step, update);
      const scaled = Array.from(batch.observation, (x, i) => x / spaces.observationScale[i % 4]!);
      const encoder = layouts.model
        .only('encoder')
        .unpack(layouts.model.slice(weights.model.parameters, 'encoder'));
      return {
        weights: valuesOf(weights),
        terms: seeds.map((_, member) =>
          lossTerms(settings[0]!).map((term) => terms[term]!.dataSync()[member]!),
        ),
        latents: latentTerms(
          encoder,
          layouts.vae,
          tf.tensor(scaled, [seeds.length, BATCH, TIME, 4]),
        ).arraySync(),
      };
    });
    for (const member of seeds.keys()) {
      for (const [name, values] of Object.entries(wanted.weights[member]!)) {
        assertClose(states[member]!.arrays[name]!.data, values, 1e-6, name);
      }
      const row = Object.values(rows![member]!) as number[];
      assertClose(row, wanted.terms[member]!, 1e-5, 'terms');
      assertClose(
        Object.values(latents[member]!) as number[],
        wanted.latents.map((values) => values[member]!),
        1e-5,
        'latents',
      );
    }
  });

  test('the averages of encoder and actor move towards the weights after the update', async () => {
    const agent = createAgent();
    const update = 12;
    const before = await agent.save();
    agent.update(randomBatch(), 1, update);
    const after = await agent.save();
    agent.dispose();
    const encoderSize = layouts.model.only('encoder').size;
    for (const [member, rate] of [9 / (update + 8), 0.9].entries()) {
      for (const [average, of] of [
        ['average.encoder', 'model'],
        ['average.actor', 'actor'],
      ] as const) {
        const was = before[member]!.arrays[average]!.data;
        const target = after[member]!.arrays[of]!.data;
        const size = average === 'average.encoder' ? encoderSize : target.length;
        assert.equal(was.length, size);
        const moved = Array.from(was, (x, i) => x + rate * (target[i]! - x));
        assertClose(after[member]!.arrays[average]!.data, moved, 1e-7, average);
      }
    }
  });
});
