import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import type { WorkerMessage } from '../src/experiment/messages.ts';
import { readCsv } from '../src/runs/csv.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { result, type Sitting, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

const seeds = [1, 2];
const steps = 80;
const config = `${tinyDreamCritic.replace('randomSteps: 40', 'randomSteps: 20')}seeds: [${seeds}]
steps: ${steps}
updateEvery: 2
horizon: 3
evaluation: { every: 40, episodes: 2 }
distractors: 8
`;
const experiment = loadExperiment({ file: 'tiny.yaml', text: config });
const root = temporaryFolder('resume');

const sit = (dir: string, sitting?: Sitting) => sitDown(experiment, dir, sitting);

function folder(name: string): string {
  const dir = path.join(root, name);
  mkdirSync(dir);
  return dir;
}

function assertAsNeverStopped(dir: string): void {
  for (const seed of seeds) assert.deepEqual(result(dir, seed), result(whole, seed));
}

const secondsOf = (dir: string, seed: number) => ({
  evaluations: readCsv(path.join(dir, `seed-${seed}`, 'metrics.csv'))!.rows.map((row) => row.wall_seconds),
  done: new SeedFolder(dir, seed).done()!.wallSeconds,
});

let whole: string;

before(async () => {
  await startEngine('wasm');
  whole = folder('whole');
  await sit(whole);
});

test('a run that was never stopped has its rows, its checkpoint at the end and its time', () => {
  for (const seed of seeds) {
    const { state, steps: taken, updates, metrics, losses } = result(whole, seed);
    // 20 random steps, then an update every second one, and a row of losses after every fifth.
    assert.deepEqual([state.step, state.update, taken, updates], [80, 30, 80, 30]);
    assert.equal(metrics.length, 1 + 2);
    assert.equal(losses.trimEnd().split('\n').length, 1 + 6);
  }
  // Each evaluation of each seed takes a second, told after it.
  assert.deepEqual(secondsOf(whole, 1), { evaluations: [0, 2], done: 4 });
  assert.deepEqual(secondsOf(whole, 2), { evaluations: [1, 3], done: 4 });
});

test('killed after rows beyond its checkpoint, it writes them again, and once', async () => {
  const dir = folder('killed');
  // After the last evaluation of each seed the next write is a checkpoint.
  const evaluations = 2 * seeds.length;
  const killAfter = (messages: readonly WorkerMessage[]) => messages.length === evaluations;
  await assert.rejects(sit(dir, { killAfter }), /^Error: killed$/);
  for (const seed of seeds) {
    assert.equal(new SeedFolder(dir, seed).readCheckpoint()!.state.step, 40);
    for (const file of ['metrics.csv', 'losses.csv']) {
      assert.equal(readCsv(path.join(dir, `seed-${seed}`, file))!.rows.at(-1)!.env_step, steps, file);
    }
  }
  assert.deepEqual((await sit(dir)).slice(-2), ['done 1', 'done 2']);
  assertAsNeverStopped(dir);
});

test('stopped and gone on with, it adds the time of its sittings', async () => {
  const dir = folder('stopped');
  const stopped = await sit(dir, { stopAfter: (messages) => messages.length > 1 });
  assert.deepEqual(stopped, ['evaluation 1', 'evaluation 2', 'interrupted 1', 'interrupted 2']);
  await sit(dir, { from: 1000 });
  assertAsNeverStopped(dir);
  assert.deepEqual(secondsOf(dir, 1), { evaluations: [0, 2], done: 4 });
});

test('it goes on from a checkpoint that calls the moments of Adam as older ones do', async () => {
  const dir = folder('older');
  await sit(dir, { stopAfter: (messages) => messages.length > 1 });
  for (const seed of seeds) {
    const own = new SeedFolder(dir, seed);
    const { state, wallSeconds } = own.readCheckpoint()!;
    const older = Object.entries(state.arrays).map(([name, array]) => [
      name.replace(/\.(mean|square)$/, '.adam_$1'),
      array,
    ]);
    const arrays = Object.fromEntries(older);
    assert.ok(arrays['model.adam_mean'] && arrays['actor.adam_square']);
    own.writeCheckpoint({ state: { ...state, arrays }, wallSeconds }, () => {});
  }
  await sit(dir);
  assertAsNeverStopped(dir);
});

test('in turns, each counted from where it began, the last one ends with the run', async () => {
  const dir = folder('turns');
  const ends: string[] = [];
  for (let turn = 0; turn < 2; turn++) ends.push(...(await sit(dir, { turn: 40 })).slice(2));
  assert.deepEqual(ends, ['waiting 1 40', 'waiting 2 40', 'done 1', 'done 2']);
  assertAsNeverStopped(dir);
});
