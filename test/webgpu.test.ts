import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { parse } from 'csv-parse/sync';
import type { Engine } from '../src/engine/description.ts';
import { chooseEngine, startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { emptyBatch, type Sequences } from '../src/training/replay.ts';
import { stepSpaces } from './support/agents.ts';
import { engineHere } from './support/engine-here.ts';
import { runSync } from './support/program.ts';
import { assertUpdateEqualsReference } from './support/reference-update.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const found = await engineHere('webgpu');
const dir = temporaryFolder('webgpu');

const models = {
  model: { latent: 4, hidden: [8], lstm: 8 },
  critic: { hidden: [8] },
  actor: { hidden: [8] },
};
writeFileSync(
  path.join(dir, 'tiny.yaml'),
  JSON.stringify({
    ...{ method: 'vae-lstm', steps: 120, randomSteps: 60, logEvery: 5, seeds: [0] },
    ...{ evaluation: { every: 60, episodes: 2 }, horizon: 3, imaginationStarts: 4, ...models },
    replay: { batch: 4, length: 4 },
  }),
);

const train = (name: string, engine: string, environment: NodeJS.ProcessEnv = {}) =>
  runSync(['train', '--config', 'tiny.yaml', '--name', name, '--engine', engine, '--workers', '1'], {
    cwd: dir,
    env: environment,
  });

describe('without an adapter', {
  skip: process.platform !== 'linux' && 'only Linux lets a test hide it',
}, () => {
  // Where Vulkan's loader looks for drivers.
  const hidden = {
    VK_DRIVER_FILES: path.join(dir, 'none.json'),
    VK_ICD_FILENAMES: path.join(dir, 'none.json'),
  };

  test('--engine webgpu is one sentence with what mends it, and nothing is written', () => {
    const { status, stderr } = train('none', 'webgpu', hidden);
    assert.equal(status, 2);
    assert.match(stderr, /^wm: engine webgpu: [^\n]+; (run|install) [^\n]+\n$/m);
    assert.ok(!existsSync(path.join(dir, 'runs')));
  });
});

describe('webgpu', { skip: typeof found === 'string' && `skipped: ${found}` }, () => {
  before(async () => {
    await startEngine('webgpu');
  });

  test('is what really computes, and auto takes it on a real GPU only', async () => {
    assert.equal(tf.getBackend(), 'webgpu');
    const { isGpu, device } = found as Engine;
    assert.equal(isGpu, !/software/.test(device));
    const { engine } = await chooseEngine('auto');
    if (!isGpu) assert.notEqual(engine.name, 'webgpu');
    await startEngine('webgpu');
  });

  for (const members of [1, 3]) {
    test(`one update of ${members} stacked equals JAX's`, () => assertUpdateEqualsReference(members));
  }

  test('a run trains to its end, and evaluates as wasm does', () => {
    const metrics = (engine: string) => {
      const { status, stderr } = train(engine, engine);
      assert.equal(status, 0, stderr);
      const run = path.join(dir, 'runs', engine);
      const info = JSON.parse(readFileSync(path.join(run, 'run.json'), 'utf8'));
      assert.equal(info.engine.name, engine);
      return parse(readFileSync(path.join(run, 'seed-0', 'metrics.csv')), { columns: true }) as Record<
        string,
        string
      >[];
    };
    const wasm = metrics('wasm');
    const webgpu = metrics('webgpu');
    assert.equal(webgpu.length, 2);
    for (const [i, row] of wasm.entries()) {
      for (const [column, text] of Object.entries(row)) {
        if (column === 'wall_seconds') continue;
        const [wanted, got] = [Number(text), Number(webgpu[i]![column])];
        assert.ok(
          Math.abs(got - wanted) <= 1e-3 * Math.max(1, Math.abs(wanted)),
          `${column}: ${got}, ${wanted}`,
        );
      }
    }
  });

  test('memory does not grow with episodes of ever other lengths', async () => {
    const settings = vaeLstmSettings.parse({ ...models, horizon: 3 });
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const agent = vaeLstm.create([{ seed: 0, settings }], spaces);
    const sequences = (time: number): Sequences => {
      const mask = new Float32Array(2 * time).fill(1);
      return { ...emptyBatch(1, 2, time, stepSpaces(4)), mask };
    };
    const heldOut = sequences(40);
    const allocated: number[] = [];
    for (const time of [40, 39, 38]) {
      await agent.diagnose(() => heldOut, [sequences(time)], [0]);
      const { numBytesAllocatedInGPU } = tf.memory() as tf.MemoryInfo & { numBytesAllocatedInGPU: number };
      allocated.push(numBytesAllocatedInGPU);
    }
    agent.dispose();
    assert.ok(allocated[2]! <= allocated[0]!, allocated.join());
  });

  // The last test: the engine is spoilt by it.
  test('what the GPU refuses is thrown by the next value read', async () => {
    const { device } = tf.backend() as tf.KernelBackend & {
      device: { createBuffer(descriptor: { size: number; usage: number }): object };
    };
    device.createBuffer({ size: 4, usage: 0 });
    await assert.rejects(
      tf.relu(tf.ones([2000])).data(),
      /^UserError: engine webgpu: the GPU refused a command/,
    );
  });
});
