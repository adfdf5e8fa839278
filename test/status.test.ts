import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GrowingCsv } from '../src/runs/growing-csv.ts';
import { acquireLock } from '../src/runs/lock.ts';
import { type Answered, runInTurn } from './support/program.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const windows = process.platform === 'win32' && 'there are no such links and pipes on Windows';

type Five = [Answered, Answered, Answered, Answered, Answered];
type Eleven = [...Five, ...Five, Answered];

/** Changes a run's run.json. */
function record(dir: string, changes: object): void {
  const file = join(dir, 'run.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }));
}

test('wm list tells running, interrupted, failed, waiting and done runs apart, and what is none', {
  skip: windows,
}, async () => {
  const cwd = temporaryFolder('list');
  const make = runMaker(join(cwd, 'runs'));
  make('a done', { arm: 'baseline', curves: [[10, 20], [30]] });
  const half = { curves: [[100]], seeds: [3, 4] };
  record(make('deep/down/killed', half), { status: { 3: 'done', 4: 'running' } });
  const failed = { status: { 3: 'done', 4: 'failed' }, failures: { 4: 'the loss is NaN' } };
  record(make('failed', half), failed);
  record(make('longer', { curves: [[5]], overrides: ['steps=60000'] }), { status: { 0: 'done' } });
  const running = make('running', half);
  record(running, { status: { 3: 'done', 4: 'running' } });
  const lock = acquireLock(running);
  // A stale lock is nobody's: that of a process which has ended.
  const { pid } = spawnSync('true');
  const stale = JSON.stringify({
    pid,
    host: JSON.parse(readFileSync(join(running, 'run.lock'), 'utf8')).host,
    started: null,
  });
  writeFileSync(join(cwd, 'runs/deep/down/killed/run.lock'), stale);
  writeFileSync(join(make('x-damaged\u001b[31m', half), 'run.json'), '{');
  symlinkSync('/', join(cwd, 'runs/everything'));
  symlinkSync('/etc/passwd', join(make('x-linked', half), 'seed-3/losses.csv'));
  const sweep = join(cwd, 'runs/sweep');
  mkdirSync(sweep);
  writeFileSync(join(sweep, 'sweep.yaml'), 'method: vae-lstm\nsweep: { lambda: [0.5, 0.1] }\n');
  runMaker(sweep)('lambda=0.1', { curves: [[1]], overrides: ['lambda=0.1'] });

  const lines = [
    ['list', '--json'],
    ['list'],
    ['list', 'nowhere'],
    ['list', 'runs/deep', 'runs/failed'],
    ['list', 'runs/x-linked/seed-3'],
    ['watch', 'nowhere'],
    ['watch', '--port', '70000'],
    ['status', 'runs/failed', '--json'],
    ['status', 'runs/sweep'],
    ['status', 'runs/running'],
    ['status', 'nowhere'],
  ];
  const answers = await runInTurn(lines.map((args) => ({ cwd, args })));
  const [json, table, nowhere, some, none, unwatched, port, broke, cells, going, gone] = answers as Eleven;
  lock.release();

  const { runs, faults } = JSON.parse(json.stdout);
  assert.deepEqual(
    runs.map(({ run, status, lastReward }: { run: string; status: string; lastReward: number }) => [
      run,
      status,
      lastReward,
    ]),
    [
      ['runs/a done', 'done', 25],
      ['runs/deep/down/killed', 'interrupted', 100],
      ['runs/failed', 'failed', 100],
      ['runs/longer', 'waiting', 5],
      ['runs/running', 'running', 100],
      ['runs/sweep/lambda=0.1', 'done', 1],
    ],
  );
  const [, killed, broken, , written] = runs;
  assert.deepEqual(
    killed.seeds.map(({ status }: { status: string }) => status),
    ['done', 'interrupted'],
  );
  assert.deepEqual([broken.seeds[1].status, broken.seeds[1].reason], ['failed', 'the loss is NaN']);
  assert.equal(killed.holder, null);
  assert.ok(written.holder.pid > 0);
  assert.deepEqual(
    written.seeds.map(({ status }: { status: string }) => status),
    ['done', 'running'],
  );
  assert.match(faults[0].fault, /run\.json: damaged/);
  assert.match(faults[1].fault, /losses\.csv: .* may hold no symbolic link/);
  assert.equal(faults.length, 2, 'links are not followed');

  const rows = table.stdout.trimEnd().split('\n');
  assert.match(rows[0]!, /^run +status +arm +environment +seeds done +last reward +changed +size$/);
  assert.match(rows[1]!, /^runs\/a done +done +baseline +CartPole-v1 +2 of 2 +25\.0 +just now +\d+\.\d kB$/);
  assert.equal(rows.length, 7);
  assert.match(table.stderr, /^runs\/x-damaged\?\[31m is left out: .*run\.json: damaged/);
  assert.deepEqual(
    [nowhere.code, nowhere.stderr],
    [2, 'wm: nowhere does not exist; give a run folder, or a folder of such folders\n'],
  );
  assert.deepEqual(unwatched, nowhere, 'wm watch says the same');
  assert.deepEqual([port.code, port.stdout], [2, '']);
  assert.deepEqual(some.stdout.match(/runs\/\S+/g), ['runs/deep/down/killed', 'runs/failed']);
  assert.deepEqual([none.code, none.stdout], [0, 'no runs in runs/x-linked/seed-3\n']);

  const told = JSON.parse(broke.stdout);
  assert.deepEqual(told.seeds, { done: 1, running: 0, waiting: 0, interrupted: 0, failed: 1 });
  assert.deepEqual(told.runs[0].seeds[1], {
    ...{ seed: 4, status: 'failed', reason: 'the loss is NaN', holder: null, step: 0, since: null },
  });
  const [head, , begun, unbegun] = cells.stdout.split('\n');
  assert.equal(head, 'runs/sweep: 2 cells; seeds: 1 done, 1 waiting');
  assert.match(begun!, /^lambda=0\.5 +waiting +1 *$/);
  assert.match(unbegun!, /^lambda=0\.1 +done +1 *$/);
  assert.match(going.stdout, /^running +running +1 done, 1 running +0 of 50000 +process \d+ on \S+$/m);
  assert.deepEqual(gone, nowhere);
});

describe('a CSV that grows', () => {
  const folder = temporaryFolder('growing');
  let files = 0;
  const newFile = (text: string) => {
    const file = join(folder, `${files++}.csv`);
    writeFileSync(file, text);
    return file;
  };

  test('is read by whole lines as they come, and from its start where it was cut or replaced', async () => {
    const file = newFile('env_step,rew');
    const csv = new GrowingCsv(file);
    const seen = async () => [await csv.read(), csv.columns.join(), csv.kept('env_step'), csv.kept('reward')];
    assert.deepEqual(await seen(), [false, '', [], []], 'half a header');
    appendFileSync(file, 'ard\n10,1\n20,2');
    assert.deepEqual(await seen(), [true, 'env_step,reward', [10], [1]]);
    assert.deepEqual(await seen(), [false, 'env_step,reward', [10], [1]]);
    appendFileSync(file, '5\n30,\n');
    assert.deepEqual(await seen(), [true, 'env_step,reward', [10, 20, 30], [1, 25, Number.NaN]]);
    assert.equal(csv.last('env_step'), 30);
    truncateSync(file, 'env_step,reward\n10,1\n'.length);
    assert.deepEqual(await seen(), [true, 'env_step,reward', [10], [1]]);
    // A resume puts another file in its place, which may have grown beyond the first one's size.
    writeFileSync(`${file}.tmp`, 'env_step,reward\n10,7\n20,8\n30,9\n40,10\n50,11\n');
    renameSync(`${file}.tmp`, file);
    assert.deepEqual(await seen(), [true, 'env_step,reward', [10, 20, 30, 40, 50], [7, 8, 9, 10, 11]]);
    rmSync(file);
    assert.deepEqual(await seen(), [true, '', [], []]);
    assert.equal(await csv.read(), false);
  });

  test('is thinned to every second, fourth, … row whatever pieces it comes in, with the last row beside', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        async (pieces, most) => {
          const file = newFile('x,y\n');
          const csv = new GrowingCsv(file, { wanted: ['y'], most });
          let count = 0;
          for (const piece of pieces) {
            const rows = Array.from({ length: piece }, () => `${count},${2 * count++}\n`);
            appendFileSync(file, rows.join(''));
            await csv.read();
          }
          const { stride } = csv;
          assert.equal(csv.rows, count);
          assert.ok(Number.isInteger(Math.log2(stride)) && Math.ceil(count / stride) <= 2 * most);
          assert.ok(
            stride === 1 || Math.ceil(count / (stride / 2)) > 2 * most,
            'no thinner than it has to be',
          );
          const wanted = Array.from({ length: Math.ceil(count / stride) }, (_, i) => 2 * i * stride);
          assert.deepEqual(csv.kept('y'), wanted);
          assert.deepEqual(csv.kept('x'), []);
          assert.equal(csv.last('y'), count === 0 ? Number.NaN : 2 * (count - 1));
        },
      ),
      { seed: 1, numRuns: 40 },
    );
  });

  test('may hold anything', { skip: windows }, async () => {
    const cells = new GrowingCsv(
      newFile('\ufeffenv_step,<b>,__proto__\r\n1,<script>,3\r\n2\r\n,,,,,\r\n"4,5",6,Infinity\r\n'),
    );
    await cells.read();
    assert.deepEqual(cells.columns, ['env_step', '<b>', '__proto__']);
    const none = Number.NaN;
    assert.deepEqual(cells.kept('env_step'), [1, 2, none, none]);
    assert.deepEqual(cells.kept('<b>'), [none, none, none, none]);
    assert.deepEqual(cells.kept('__proto__'), [3, none, none, 6]);
    assert.equal(cells.kept('constructor').length, 0);
    assert.equal(cells.last('__proto__'), 6);

    const refused = (file: string) => new GrowingCsv(file).read();
    const long = newFile('a\n');
    truncateSync(long, 2 ** 20);
    await assert.rejects(refused(long), /has a line of more than 262144 bytes/);
    const large = newFile('a\n');
    truncateSync(large, 2 ** 30);
    await assert.rejects(refused(large), /1073741824 bytes are more than is followed/);
    await assert.rejects(refused(newFile(`${'a,'.repeat(1000)}\n`)), /more than 1000 columns/);
    await assert.rejects(refused(folder), /: is no file/);
    const pipe = join(folder, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    await assert.rejects(refused(pipe), /: is no file/);
    symlinkSync(large, join(folder, 'link'));
    await assert.rejects(refused(join(folder, 'link')), /cannot be read \(ELOOP\)/);
  });
});
