import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareRuns } from '../src/compare/index.ts';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { type HostInfo, Sitting, type UsedEngine } from '../src/experiment/sitting.ts';
import { readRun } from '../src/runs/read.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const runs = temporaryFolder('extension');
const makeRun = runMaker(runs);
const host: HostInfo = {
  ...{ wmVersion: '0.1.0', gitCommit: null, gitChanges: null, node: 'v20.17.0' },
  ...{ host: 'host', platform: 'linux x64', processor: 'a model', cores: 2, command: ['wm', 'train'] },
};
const used: UsedEngine = {
  engine: { name: 'wasm', device: 'cpu', version: '1', isGpu: false, stacksMembers: false },
  reason: null,
};
const config = (name: string, ...overrides: string[]) =>
  loadExperiment({ file: 'c.yaml', text: `method: vae-lstm\nname: ${name}`, overrides });
const sit = (name: string, ...overrides: string[]) =>
  new Sitting(runs, config(name, ...overrides), used, host, () => 0);

/** A run of two finished seeds of 50,000 steps, each with a checkpoint at its end. */
function finishedRun(name: string): string {
  const dir = makeRun(name, { curves: [[10], [20]], overrides: ['name=x'] });
  for (const seed of [0, 1]) {
    const state = { step: 50_000, update: 12_250, evaluationDue: false, arrays: {}, streams: {} };
    new SeedFolder(dir, seed).writeCheckpoint({ state, wallSeconds: 60 }, () => {});
  }
  return dir;
}

test('what extends a run, and what is another one', () => {
  const dir = finishedRun('run');
  const refused = (message: RegExp, ...overrides: string[]) => {
    const before = readdirSync(dir).sort();
    assert.throws(() => sit('run', ...overrides), message);
    assert.deepEqual(readdirSync(dir).sort(), before, 'and gives its lock back');
  };
  refused(/run with the seed 1: seeds can be added to it, not taken out; /, 'seeds=[0, 2]');
  refused(/run of 50000 steps: it can be made longer, not shorter; /, 'seeds=[0, 1]', 'steps=40000');
  refused(
    /of another config \(seeds, steps, lambda differ\); /,
    'seeds=[0, 1, 2]',
    'steps=60000',
    'lambda=2',
  );
  const same = sit('run', 'seeds=[1, 0]');
  assert.deepEqual(same.pending, []);
  same.close();
  const moreSeeds = sit('run', 'seeds=[0, 1, 2]');
  assert.deepEqual(moreSeeds.pending, [2]);
  moreSeeds.close();

  rmSync(join(dir, 'seed-1', 'checkpoint.safetensors'));
  refused(
    /seed-1 ended after 50000 steps and holds no checkpoint to go on from/,
    'seeds=[0, 1]',
    'steps=60000',
  );
});

test('an extension that is killed at any instant goes on, and nothing is lost before it begins', () => {
  const dir = finishedRun('killed');
  const longer = ['seeds=[0, 1, 2]', 'steps=60000'];
  const first = sit('killed', ...longer);
  assert.deepEqual(
    first.pending.map((seed) => first.stepOf(seed)),
    [50_000, 50_000, 0],
  );
  assert.equal(first.extension, `${dir} goes on from 50000 to 60000 steps, with the seed 2 added`);
  const config50 = readFileSync(join(dir, 'config.yaml'), 'utf8');
  first.close();
  assert.equal(
    readFileSync(join(dir, 'config.yaml'), 'utf8'),
    config50,
    'refused or stopped before it begins',
  );
  assert.deepEqual(readRun(dir).unfinished, []);

  const second = sit('killed', ...longer);
  second.extendIfAsked();
  second.close();
  // Killed when config.yaml was replaced, run.json not yet.
  const between = join(runs, 'between');
  cpSync(finishedRun('other'), between, { recursive: true });
  writeFileSync(join(between, 'config.yaml'), formatExperiment(config('between', ...longer)));
  for (const name of ['killed', 'between']) {
    assert.deepEqual(readRun(join(runs, name)).unfinished, [0, 1, 2]);
    const again = sit(name, ...longer);
    assert.equal(again.extension, null, 'it is that run by now');
    assert.deepEqual(again.pending, [0, 1, 2]);
    assert.equal(again.finished, false);
    again.begin([0, 1, 2], 1);
    for (const seed of [0, 1, 2]) {
      if (seed === 2) cpSync(join(dir, 'seed-0'), join(runs, name, 'seed-2'), { recursive: true });
      const ended = { steps: 60_000, updates: 14_750, wallSeconds: 70, engine: 'wasm', device: 'cpu' };
      new SeedFolder(join(runs, name), seed).markDone(ended);
      again.record({ kind: 'done', seed });
    }
    again.close();
    const { info, unfinished } = readRun(join(runs, name));
    assert.deepEqual(info.status, { 0: 'done', 1: 'done', 2: 'done' });
    assert.deepEqual(unfinished, []);
    assert.throws(
      () => sit(name, 'seeds=[0, 1, 2]'),
      /run of 60000 steps: it can be made longer, not shorter/,
    );
  }
});

test('a seed that met stopWhen stays done in a longer run, unless its end does not stand there', () => {
  const dir = makeRun('stopped', { curves: [[10], [20]], overrides: ['stopWhen={reward: 1}'] });
  const done = { updates: 1, wallSeconds: 1, engine: 'wasm', device: 'cpu', metStopWhen: true };
  new SeedFolder(dir, 0).markDone({ ...done, steps: 2000 });
  new SeedFolder(dir, 1).markDone({ ...done, steps: 2001 });
  const state = { step: 2001, update: 1, evaluationDue: false, arrays: {}, streams: {} };
  new SeedFolder(dir, 1).writeCheckpoint({ state, wallSeconds: 1 }, () => {});
  const longer = sit('stopped', 'seeds=[0, 1]', 'steps=60000', 'stopWhen={reward: 1}');
  assert.deepEqual(longer.pending, [1]);
  longer.close();
  assert.throws(
    () => sit('stopped', 'seeds=[0, 1]'),
    /another config \(stopWhen\.reward, stopWhen\.evaluations differ\)/,
  );
});

test('a comparison names the seeds that stopWhen ended early, and claims nothing against runs without it', () => {
  const curves = [1, 2, 3, 4, 5].map((x) => [100 + x, 500]);
  const dir = makeRun('early', { curves, overrides: ['stopWhen={reward: 475}'] });
  const done = { updates: 1, wallSeconds: 1, engine: 'wasm', device: 'cpu', metStopWhen: true };
  for (const seed of [0, 3]) new SeedFolder(dir, seed).markDone({ ...done, steps: 4000 });
  const whole = makeRun('whole', { curves: curves.map(([first]) => [first!, 10 + first!]) });
  const { notes, pairs } = compareRuns([dir, whole], { paper: false });
  assert.ok(
    notes.some((note) =>
      note.endsWith(': ended early by stopWhen (reward 475 in 1 evaluation): seeds 0, 3.'),
    ),
    `${notes}`,
  );
  const verdicts = pairs.filter(({ measure }) => measure === 'finalReward').map(({ seen }) => seen);
  assert.equal(verdicts.length, 1);
  assert.ok(!['better', 'worse'].includes(`${verdicts[0]}`), `${verdicts[0]}`);
});
