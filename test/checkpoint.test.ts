import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { networks } from '../src/methods/vae-lstm/networks.ts';
import { encode } from '../src/models/vae/encoder.ts';
import { RandomStream } from '../src/random/stream.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { runSync } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = temporaryFolder('checkpoint');

/** Each size different from every other one, so that no two can be mixed up. */
const config = `
method: vae-lstm
name: small
engine: wasm
steps: 60
randomSteps: 20
evaluation: { episodes: 1 }
horizon: 2
imaginationStarts: 2
model: { latent: 3, hidden: [5, 7], lstm: 6 }
replay: { batch: 2, length: 4 }
`;

test('Python opens a checkpoint and encodes as wm does', async (context) => {
  const python = process.env.WM_PYTHON ?? 'python3';
  if (spawnSync(python, ['-c', 'import numpy, safetensors']).status !== 0) {
    context.skip(`skipped: ${python} has no numpy or no safetensors; name one that has with WM_PYTHON`);
    return;
  }
  writeFileSync(path.join(root, 'small.yaml'), config);
  const trained = runSync(['train', '--config', 'small.yaml', '--quiet'], { cwd: root });
  assert.equal(trained.status, 0, trained.stderr);
  const run = path.join(root, 'runs/small');
  const random = RandomStream.named(1, 'observations');
  const observations = Array.from({ length: 50 }, () => [...random.fillUniform(new Float32Array(4), -2, 2)]);

  const script = fileURLToPath(new URL('../scripts/read_checkpoint.py', import.meta.url));
  const checkpoint = path.join(run, 'seed-0/checkpoint.safetensors');
  const options = { input: JSON.stringify(observations), encoding: 'utf8' } as const;
  const encoded = spawnSync(python, [script, checkpoint, '--encode'], options);
  assert.equal(encoded.status, 0, encoded.stderr);
  const { mean, log_variance } = JSON.parse(encoded.stdout);

  await startEngine('cpu');
  const settings = experimentOf(loadExperiment({ file: 'small.yaml', text: config }), 'vae-lstm');
  const spaces = agentSpaces(environmentEntry(settings.environment));
  const { data } = new SeedFolder(run, 0).readCheckpoint()!.state.arrays.model!;
  const own = tf.tidy(() => {
    const { model, vae } = networks(settings, spaces);
    const parameters = model.unpack(tf.tensor2d(Float32Array.from(data), [1, data.length]));
    const normalised = tf.div(tf.tensor3d([observations]), [...spaces.observationScale]);
    const posterior = encode(parameters, vae, normalised);
    return [posterior.mean, posterior.logVariance].map((tensor) => tensor.arraySync() as number[][][]);
  });
  for (const [i, theirs] of [mean, log_variance].entries()) {
    const difference = Math.max(
      ...theirs.flat().map((x: number, k: number) => Math.abs(x - own[i]![0]!.flat()[k]!)),
    );
    assert.ok(difference < 1e-5, `the encoders differ by ${difference}`);
    assert.ok(new Set(theirs.flat()).size > 50, 'the latents are not all alike');
  }

  const listed = spawnSync(python, [script, checkpoint], { encoding: 'utf8' });
  assert.equal(listed.status, 0, listed.stderr);
  assert.match(listed.stdout, /^model +float32 +\[\d+\]$/m);
  assert.match(listed.stdout, /^ {2}dynamics\.input\.weight +\[5, 24\] +from \d+$/m);
});
