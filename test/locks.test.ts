import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { coresOf, jobOf, jobWords } from '../src/cluster/job.ts';
import { loadSweep } from '../src/config/sweep.ts';
import { UserError } from '../src/errors.ts';
import { sumUpShares } from '../src/experiment/sums.ts';
import { lapsedLocks } from '../src/runs/lease.ts';
import { acquireLock, holderWords, lockHolder, lockHolders } from '../src/runs/lock.ts';
import { readRun } from '../src/runs/read.ts';
import { readRunInfo } from '../src/runs/records.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { joinSweepFolder, openSweepFolder } from '../src/runs/sweep-folder.ts';
import { runInfo, runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

const root = temporaryFolder('locks');
let folders = 0;
const freshFolder = () => {
  const dir = join(root, `run-${folders++}`);
  mkdirSync(dir);
  return dir;
};
const held = (message: RegExp) => (error: unknown) =>
  error instanceof UserError && message.test(error.message);

/** A lock as a process of another machine leaves it. */
const foreign = (changes: object = {}, sign = 0) =>
  `${JSON.stringify({ pid: 7, host: 'node1', started: 'boot:1', place: 'boot:pid:[1]', job: null, lease: 300, ...changes }).slice(0, -1)},"sign":"00000000${sign}"}`;
const never = new AbortController().signal;

const JOB = ['SLURM_JOB_ID', 'SLURM_ARRAY_JOB_ID', 'SLURM_ARRAY_TASK_ID', 'SLURM_RESTART_COUNT'];
/** This process becomes that of a job. */
function beJob(job: string, restarts: number): void {
  Object.assign(process.env, {
    SLURM_CLUSTER_NAME: 'c',
    SLURM_JOB_ID: job,
    SLURM_ARRAY_JOB_ID: '12',
    SLURM_ARRAY_TASK_ID: job.slice(-1),
    SLURM_RESTART_COUNT: String(restarts),
  });
}
afterEach(() => {
  for (const name of JOB) delete process.env[name];
});

test('a job is told by its array and task, and a task uses the cores that it was given', () => {
  assert.equal(jobOf({ HOME: '/' }), null);
  assert.deepEqual(jobOf({ SLURM_JOB_ID: '9' }), { id: 'slurm::9', restarts: 0 });
  beJob('15', 2);
  const job = jobOf(process.env)!;
  assert.deepEqual(job, { id: 'slurm:c:12_5', restarts: 2 });
  assert.equal(jobWords(job), 'Slurm job 12_5');
  assert.deepEqual([coresOf({}, 8), coresOf({ SLURM_CPUS_PER_TASK: '3' }, 8)], [8, 3]);
  assert.deepEqual(
    [coresOf({ SLURM_CPUS_PER_TASK: '9' }, 8), coresOf({ SLURM_CPUS_PER_TASK: 'x' }, 8)],
    [8, 8],
  );
});

describe('a lock of a job', () => {
  const file = (dir: string) => join(dir, 'run.lock');
  const left = { job: { id: 'slurm:c:12_5', restarts: 1 } };

  test('is taken over by the same job once it is begun anew, on any host, and by no other', () => {
    const dir = freshFolder();
    writeFileSync(file(dir), foreign(left));
    const isHeld = held(/^\S+ is in use by Slurm job 12_5 \(process 7 on node1\); .* if that job has ended/);
    assert.throws(() => acquireLock(dir), isHeld);
    beJob('14', 3);
    assert.throws(() => acquireLock(dir), isHeld, 'another task');
    beJob('15', 1);
    assert.throws(() => acquireLock(dir), isHeld, 'another node of the same job');
    assert.equal(holderWords(lockHolder(dir)!), 'Slurm job 12_5 on node1');
    beJob('15', 2);
    assert.equal(lockHolder(dir), null);
    const lock = acquireLock(dir);
    assert.equal(lock.takenOver, 'Slurm job 12_5 (process 7 on node1)');
    assert.deepEqual(JSON.parse(readFileSync(file(dir), 'utf8')).job, { id: 'slurm:c:12_5', restarts: 2 });
    lock.release();
    assert.deepEqual(readdirSync(dir), []);
  });

  test('does not lapse, but the lock on replacing it does', async () => {
    const dir = freshFolder();
    writeFileSync(file(dir), foreign(left));
    let looks = 0;
    const sleep = async () => {
      looks++;
    };
    assert.equal((await lapsedLocks([{ dir }], sleep, never, assert.fail)).size, 0);
    assert.equal(looks, 0);
    writeFileSync(join(dir, 'run.takeover.lock'), foreign(left));
    beJob('16', 0);
    const lapsed = await lapsedLocks([{ dir }], sleep, never, () => {});
    assert.deepEqual([...lapsed.keys()], [join(dir, 'run.takeover.lock')]);
    assert.equal(looks, 10);
  });
});

describe('a lock of a process elsewhere', () => {
  test('lapses after ten looks without a sign, by the looks alone', async () => {
    const dir = freshFolder();
    const file = join(dir, 'run.lock');
    writeFileSync(file, foreign());
    assert.throws(() => acquireLock(dir), held(/in use by process 7 on node1; .*no sign for 300 s$/));
    const slept: number[] = [];
    const said: string[] = [];
    const sleep = async (seconds: number) => {
      slept.push(seconds);
    };
    const lapsed = await lapsedLocks([{ dir }, { dir: `${dir}-none` }], sleep, never, (words) =>
      said.push(words),
    );
    assert.deepEqual(slept, Array(10).fill(30));
    assert.deepEqual(said, [
      `waiting for up to 300 s to see whether process 7 on node1 still writes to ${dir}`,
    ]);
    // One sign later it is another lock.
    writeFileSync(file, foreign({}, 1));
    assert.throws(() => acquireLock(dir, { lapsed }), held(/in use by process 7 on node1/));
    writeFileSync(file, foreign());
    const lock = acquireLock(dir, { lapsed });
    assert.equal(lock.takenOver, 'process 7 on node1');
    lock.check();
    assert.throws(() => acquireLock(dir, { lapsed }), held(/in use by process \d+; wait for it/));
    lock.release();
  });

  test('is waited for no longer than to its first sign', async () => {
    const [alive, dead] = [freshFolder(), freshFolder()];
    writeFileSync(join(dead, 'run.lock'), foreign());
    const file = join(alive, 'run.lock');
    writeFileSync(file, foreign());
    let looks = 0;
    const sleep = async () => {
      if (++looks === 3) writeFileSync(file, foreign({}, 1));
      await Promise.resolve();
    };
    const lapsed = await lapsedLocks([{ dir: alive }, { dir: dead }], sleep, never, () => {});
    assert.equal(lapsed.size, 0);
    assert.ok(looks < 8, `${looks} looks`);
  });

  test('lapses for who asks for its seed, whoever trains other seeds beside', async () => {
    const dir = freshFolder();
    const lockOf = (name: string) => join(dir, `run.${name}`);
    for (const name of ['seed-0.lock', 'seed-1.lock', 'seed-1.takeover.lock', 'seed-2.takeover.lock']) {
      writeFileSync(lockOf(name), foreign());
    }
    let signs = 0;
    const sleep = async () => writeFileSync(lockOf('seed-0.lock'), foreign({}, ++signs % 10));
    const lapsedOf = (share?: number[]) => lapsedLocks([{ dir, share }], sleep, never, () => {});
    const lapsed = await lapsedOf([1]);
    assert.deepEqual([...lapsed.keys()].sort(), [lockOf('seed-1.lock'), lockOf('seed-1.takeover.lock')]);
    acquireLock(dir, { share: [1], lapsed }).release();
    assert.throws(() => acquireLock(dir, { share: [0], lapsed }), held(/in use by process 7 on node1/));
    assert.equal((await lapsedLocks([{ dir, share: [3] }], sleep, never, assert.fail)).size, 0);
    // A whole run that was killed elsewhere is in the way of every seed.
    writeFileSync(lockOf('lock'), foreign());
    assert.deepEqual([...(await lapsedOf([3])).keys()], [lockOf('lock')]);
    assert.equal((await lapsedOf()).size, 0, 'seed 0 is trained');
  });

  test('of a whole sweep keeps its cells away until it lapses, and a cell in training keeps it as it is', () => {
    const dir = freshFolder();
    const sweepOf = (more: string) => loadSweep({ file: 'cells.yaml', text: `${tinyDreamCritic}${more}` });
    const sweep = sweepOf('seeds: [0]\nsweep: {horizon: [10, 3]}\n');
    joinSweepFolder(dir, sweep);
    const file = join(dir, 'run.lock');
    writeFileSync(file, foreign());
    assert.throws(() => joinSweepFolder(dir, sweep), held(/is trained as a whole by process 7 on node1/));
    joinSweepFolder(dir, sweep, new Map([[file, foreign()]]));
    rmSync(file);
    const longer = sweepOf('seeds: [0, 1]\nsweep: {horizon: [10, 3]}\n');
    const cell = join(dir, 'horizon=3');
    mkdirSync(cell);
    const lock = acquireLock(cell, { share: [0] });
    assert.throws(
      () => openSweepFolder(dir, longer),
      held(/horizon=3 is in use by process \d+ on \S+, and the sweep cannot be changed meanwhile; wait/),
    );
    assert.equal(readFileSync(join(dir, 'sweep.yaml'), 'utf8'), sweep.text);
    openSweepFolder(dir, sweep).close();
    lock.release();
    openSweepFolder(dir, longer).close();
    assert.equal(readFileSync(join(dir, 'sweep.yaml'), 'utf8'), longer.text);
  });

  test('with the name of this host is told apart by its process ids', {
    skip: process.platform !== 'linux',
  }, () => {
    const dir = freshFolder();
    writeFileSync(join(dir, 'run.lock'), foreign({ host: hostname(), pid: 2 ** 22 - 3 }));
    assert.throws(() => acquireLock(dir), held(/counts as gone once/));
    // Of a version that did not tell them apart.
    const { place: _, lease: __, ...old } = JSON.parse(foreign({ host: hostname(), pid: 2 ** 22 - 3 }));
    writeFileSync(join(dir, 'run.lock'), JSON.stringify(old));
    acquireLock(dir).release();
  });

  test('gives signs in place, as long as it is its own', async () => {
    process.env.WM_LEASE_SECONDS = '1';
    const dir = freshFolder();
    const file = join(dir, 'run.lock');
    let losses = 0;
    const lock = acquireLock(dir, { lost: () => losses++ });
    delete process.env.WM_LEASE_SECONDS;
    const sign = () => Number(JSON.parse(readFileSync(file, 'utf8')).sign);
    const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    for (let tries = 0; tries < 100 && sign() < 2; tries++) await later(50);
    assert.ok(sign() >= 2);
    lock.check();
    assert.equal(losses, 0);
    rmSync(file);
    writeFileSync(file, foreign());
    await later(250);
    assert.equal(readFileSync(file, 'utf8'), foreign(), "another's lock is not signed");
    assert.ok(losses > 0, 'its owner hears of it');
    lock.release();
    process.env.WM_LEASE_SECONDS = 'soon';
    assert.throws(() => acquireLock(freshFolder()), held(/^WM_LEASE_SECONDS: expected a number of seconds/));
    delete process.env.WM_LEASE_SECONDS;
  });
});

test('seeds are locked each by itself, or all with the whole folder', () => {
  const dir = freshFolder();
  const first = acquireLock(dir, { share: [3, 4] });
  const second = acquireLock(dir, { share: [5] });
  assert.deepEqual([...lockHolders(dir).seeds.keys()].sort(), [3, 4, 5]);
  assert.equal(lockHolders(dir).whole, null);
  const isHeld = held(/is in use by process \d+; wait/);
  for (const share of [[4], [2, 5], undefined]) assert.throws(() => acquireLock(dir, { share }), isHeld);
  assert.deepEqual(readdirSync(dir).sort(), ['run.seed-3.lock', 'run.seed-4.lock', 'run.seed-5.lock']);
  first.check();
  first.release();
  second.release();
  // What a killed one left.
  writeFileSync(
    join(dir, 'run.seed-9.lock'),
    JSON.stringify({ pid: 2 ** 22 - 3, host: hostname(), started: null }),
  );
  const whole = acquireLock(dir);
  assert.deepEqual(readdirSync(dir), ['run.lock']);
  assert.throws(() => acquireLock(dir, { share: [3] }), isHeld);
  whole.release();
  assert.deepEqual(readdirSync(dir), []);
});

test('a run in shares is summed up once each seed is done or has failed, past the lapsed lock of a whole one', () => {
  const dir = runMaker(freshFolder())('shared', { seeds: [0, 1], curves: [[1]] });
  const { experiment } = readRun(dir);
  const outcome = { dir, experiment, done: [], failed: new Map(), interrupted: [] };
  const isSummedUp = () => readdirSync(dir).includes('summary.csv');
  assert.equal(sumUpShares(outcome), true);
  assert.ok(!isSummedUp(), 'seed 1 waits');
  const configText = readFileSync(join(dir, 'config.yaml'), 'utf8');
  const share = RunFolder.open(dir, { configText, info: runInfo('shared', 'wasm') }, { share: [1] });
  share.setStatus(1, 'failed', 'diverged');
  assert.equal(sumUpShares(outcome), false);
  share.close();
  const file = join(dir, 'run.lock');
  writeFileSync(file, foreign());
  assert.equal(sumUpShares(outcome), false);
  assert.ok(!isSummedUp());
  assert.equal(sumUpShares(outcome, new Map([[file, foreign()]])), true);
  assert.equal(readFileSync(join(dir, 'summary.csv'), 'utf8').trimEnd().split('\n').length, 2);
  const { status, failures, end } = readRunInfo(dir)!;
  assert.deepEqual([status, failures], [{ 0: 'done', 1: 'failed' }, { 1: 'diverged' }]);
  assert.notEqual(end, null);
  assert.ok(!readdirSync(dir).includes('run.lock'));
});
