import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { latentTerms } from '../src/methods/vae-lstm/latents.ts';
import { encoderSpecs } from '../src/models/vae/encoder.ts';
import { vaeShape } from '../src/models/vae/vae.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { decodeSafetensors } from '../src/runs/safetensors.ts';
import { runInTurn, runSync } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

const cwd = temporaryFolder('failure');
const run = (...args: string[]) => runSync(args, { cwd });

const config = `${tinyDreamCritic}seeds: [3]
steps: 200
evaluation: { every: 50, episodes: 2 }
horizon: 3
`;

describe('an update after which something is not finite', () => {
  const seedDir = 'runs/tiny/seed-3';
  const file = path.join(cwd, seedDir, 'failure.safetensors');
  let reason: string;
  let failedUpdate: number;

  before(() => {
    writeFileSync(path.join(cwd, 'tiny.yaml'), config);
    // Large enough to blow up after some updates, not at the first.
    const { status, stderr } = run('train', '--config', 'tiny.yaml', '--set', 'learningRate=1e5');
    assert.equal(status, 1, stderr);
    const found = /failed: ((\w+) became \S+ at update (\d+)); wm replay-failure \S+ shows that update/.exec(
      stderr,
    );
    assert.ok(found, stderr);
    reason = found[1]!;
    failedUpdate = Number(found[3]);
  });

  test('is kept with the state before it and what it learnt from', () => {
    const { arrays, metadata } = decodeSafetensors(readFileSync(file));
    assert.equal(metadata.failedUpdate, String(failedUpdate));
    assert.equal(metadata.reason, JSON.stringify(reason));
    if (failedUpdate > 1) assert.equal(metadata.update, String(failedUpdate - 1));
    assert.deepEqual(arrays['batch.observation']!.shape, [4, 4, 4]);
    assert.deepEqual(arrays['batch.action']!.shape, [4, 4]);
    for (const name of ['model', 'actor', 'replay.observation']) {
      assert.ok(arrays[name]!.data.every(Number.isFinite), `${name} before the failure is finite`);
    }
    // The batch is of that state's replay, or of the few steps since.
    const seen = arrays['replay.observation']!.data;
    const known = new Set(
      Array.from({ length: seen.length / 4 }, (_, i) => seen.slice(4 * i, 4 * i + 4).join()),
    );
    const drawn = arrays['batch.observation']!.data;
    const from = Array.from({ length: 16 }, (_, i) => drawn.slice(4 * i, 4 * i + 4).join());
    assert.ok(from.filter((row) => known.has(row)).length >= 8, 'the batch was drawn from the replay');
  });

  test('is made again, and the same term is the first that is not finite', () => {
    const { status, stdout, stderr } = run('replay-failure', seedDir, '--json');
    assert.equal(status, 0, stderr);
    const replayed = JSON.parse(stdout);
    assert.equal(replayed.update, failedUpdate);
    assert.equal(
      `${replayed.first} became ${replayed.terms[replayed.first]} at update ${failedUpdate}`,
      reason,
    );
    assert.ok(
      replayed.parameters.some(({ name }: { name: string }) => name === 'encoder.0.weight'),
      'each parameter is named',
    );
    const text = run('replay-failure', seedDir).stdout;
    assert.match(text, new RegExp(`^first that is not finite: ${replayed.first}$`, 'm'));
    assert.match(text, /^parameter +largest weight +largest gradient +not finite$/m);
  });

  test('that is not there, or damaged, is one sentence', async () => {
    const cases: [string, RegExp][] = [
      ['runs/tiny', /expected the folder of a seed/],
      ['runs/tiny/seed-4', /holds no failure\.safetensors/],
      ['runs/none/seed-4', /runs\/none does not exist/],
    ];
    truncateSync(file, 500);
    cases.push([seedDir, /failure\.safetensors: cut short \(.*; train the seed again/]);
    const refused = await runInTurn(cases.map(([dir]) => ({ cwd, args: ['replay-failure', dir] })));
    for (const [i, { code, stderr }] of refused.entries()) {
      assert.equal(code, 2);
      assert.match(stderr, cases[i]![1]);
      assert.equal(stderr.trim().split('\n').length, 1);
    }
  });
});

test('latent terms are those of the posterior, computed by hand', async () => {
  await startEngine('wasm');
  // No hidden layer is possible, so one whose ReLU is the identity, inputs being positive: μ and log σ² are then linear.
  const vae = vaeShape({ hidden: [2], latent: 3 }, { observation: 2 });
  const layout = new ParameterLayout(encoderSpecs(vae));
  const identity = [1, 0, 0, 1];
  const output = [1, 0, 0.1, 0, 0, -1, 0, 0.05, 0, 0, 0, 0];
  const bias = [0, 0, 0.5, 0, 0, -2];
  const spec = (name: string) => layout.specs.find((each) => each.name === name)!;
  assert.deepEqual(spec('encoder.1.weight').shape, [2, 6]);
  const values = layout.specs.flatMap(({ name, shape }) => {
    if (name === 'encoder.0.weight') return identity;
    if (name === 'encoder.1.weight') return output;
    if (name === 'encoder.1.bias') return bias;
    return Array(shape.reduce((a, b) => a * b, 1)).fill(0);
  });
  const observations = [
    [1, 2],
    [2, 4],
    [4, 2],
    [5, 4],
  ];
  const wanted = (() => {
    const mean = observations.map(([x, y]) => [x!, 0.05 * y!, 0.1 * x! + 0.5]);
    const logVariance = observations.map(([x]) => [0, 0, -x! - 2]);
    const average = (xs: number[]) => xs.reduce((sum, x) => sum + x, 0) / xs.length;
    const dimensions = [0, 1, 2];
    const kl = dimensions.map((d) =>
      average(
        mean.map((mu, i) => (mu[d]! ** 2 + Math.exp(logVariance[i]![d]!) - 1 - logVariance[i]![d]!) / 2),
      ),
    );
    const variance = dimensions.map((d) => {
      const centre = average(mean.map((mu) => mu[d]!));
      return average(mean.map((mu) => (mu[d]! - centre) ** 2));
    });
    const std = variance.map(Math.sqrt);
    return [Math.min(...kl), Math.max(...kl), Math.min(...std), average(std), Math.max(...std), 2];
  })();
  const found = tf.tidy(() => {
    const encoder = layout.unpack(tf.tensor2d([...values, ...values], [2, layout.size]));
    const both = tf.tensor([...observations.flat(), ...observations.flat()], [2, 2, 2, 2]);
    return latentTerms(encoder, vae, both).arraySync();
  });
  for (const [i, row] of found.entries()) {
    for (const value of row)
      assert.ok(Math.abs(value - wanted[i]!) < 1e-5, `term ${i}: ${value}, not ${wanted[i]}`);
  }
});
