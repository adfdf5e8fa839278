import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadExperiment } from '../src/config/load.ts';
import { UserError } from '../src/errors.ts';
import { CsvLog, parseCsv, readCsv, writeCsv } from '../src/runs/csv.ts';
import { acquireLock, checkLockOf, ownText } from '../src/runs/lock.ts';
import { originChanges, originDifferences } from '../src/runs/provenance.ts';
import { readRun } from '../src/runs/read.ts';
import { type Origin, sittingsOf } from '../src/runs/records.ts';
import { type NewRunInfo, RunFolder } from '../src/runs/run-folder.ts';
import { decodeSafetensors, encodeSafetensors } from '../src/runs/safetensors.ts';
import { SafetensorsError } from '../src/runs/safetensors-format.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { summarise, summaryColumns } from '../src/runs/summary.ts';
import type { MemberState, NamedArray } from '../src/training/state.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = temporaryFolder('runs');
let folders = 0;
const freshPath = () => join(root, `run-${folders++}`);
const freshFolder = () => {
  const dir = freshPath();
  mkdirSync(dir);
  return dir;
};

const userError = (message: RegExp, exitCode?: number) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, message);
  if (exitCode !== undefined) assert.equal(error.exitCode, exitCode);
  return true;
};

const configText = 'method: vae-lstm\nseeds: [3, 1, 2]\nsteps: 100\nrandomSteps: 8\n';
const origin: Origin = {
  wmVersion: '0.1.0',
  gitCommit: null,
  gitChanges: null,
  node: '20.17.0',
  engine: { name: 'cpu', device: 'a processor', version: '4.22.0', reason: 'asked for' },
  host: 'here',
  platform: 'linux-x64',
  processor: 'a model',
  cores: 4,
  command: ['wm', 'train'],
};
const info: NewRunInfo = {
  ...origin,
  status: { 1: 'waiting', 2: 'waiting', 3: 'waiting' },
  method: 'vae-lstm',
  arm: 'dream-critic',
};
const state: MemberState = {
  step: 1200,
  update: 50,
  evaluationDue: true,
  arrays: {
    'model/kernel': { shape: [2, 3], data: Float32Array.of(1, -2.5, 3e-40, Number.NaN, -0, Infinity) },
    'replay/done': { shape: [3], data: Uint8Array.of(0, 1, 255) },
    'environment/state': { shape: [], data: Float64Array.of(Math.PI) },
    'replay/action': { shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) },
    'losses/pending': { shape: [0, 7], data: new Float32Array(0) },
  },
  streams: { 'seed/environment': [-5, 2 ** 31 - 1], 'seed/actor': [] },
};
const columns = ['seed', 'env_step', 'reward_mean', 'dream_return'];
const row = (step: number, reward: number) => ({
  seed: 1,
  env_step: step,
  reward_mean: reward,
  dream_return: null,
});

test('safetensors: what is encoded is decoded, bit by bit', () => {
  const bits = (array: NamedArray) => [
    array.shape,
    array.data.constructor.name,
    Buffer.from(array.data.buffer, array.data.byteOffset, array.data.byteLength).toString('hex'),
  ];
  const data = fc.oneof(
    fc.float32Array({ maxLength: 9 }),
    fc.float64Array({ maxLength: 9 }),
    fc.int32Array({ maxLength: 9 }),
    // A view into a larger buffer, at an odd offset.
    fc.uint8Array({ minLength: 1, maxLength: 9 }).map((array) => array.subarray(1)),
  );
  const shaped = data.chain((values) =>
    fc
      .constantFrom<number[]>([values.length], [1, values.length, 1])
      .map((shape) => ({ shape, data: values })),
  );
  const key = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('__proto__', '0', '7', '"sha256":"', 'é'),
  );
  const named = fc.dictionary(key, shaped, { noNullPrototype: true, maxKeys: 6 });
  const strings = fc.dictionary(key, fc.string(), { noNullPrototype: true, maxKeys: 4 });
  fc.assert(
    fc.property(named, strings, (arrays, metadata) => {
      const bytes = encodeSafetensors(arrays, metadata);
      assert.equal(new DataView(bytes.buffer).getUint32(0, true) % 8, 0);
      const decoded = decodeSafetensors(bytes);
      const sorted = (record: Record<string, NamedArray>) =>
        Object.entries(record)
          .map(([name, array]) => [name, ...bits(array)])
          .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      assert.deepEqual(sorted(decoded.arrays), sorted(arrays));
      assert.deepEqual(decoded.metadata, metadata);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('safetensors: every flipped bit is noticed', () => {
  const bytes = encodeSafetensors(state.arrays, { step: '12', note: 'a' });
  decodeSafetensors(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeSafetensors(flipped), SafetensorsError, `bit ${bit}`);
  }
  assert.throws(() => decodeSafetensors(Uint8Array.of(...bytes, 0)), /1 bytes too many/);
});

test('safetensors: a header that lies about its arrays is refused before they are made', () => {
  const file = (header: unknown, data: number) => {
    const json = Buffer.from(JSON.stringify(header));
    const bytes = Buffer.alloc(8 + json.length + data);
    bytes.writeBigUInt64LE(BigInt(json.length));
    json.copy(bytes, 8);
    return bytes;
  };
  const tensor = (dtype: string, shape: number[], data_offsets: number[]) => ({
    a: { dtype, shape, data_offsets },
  });
  const cases: [unknown, RegExp][] = [
    [tensor('F32', [2 ** 40], [0, 8]), /place of a does not fit/],
    [tensor('F32', [2], [0, 2 ** 43]), /place of a does not fit/],
    [tensor('F32', [2 ** 41], [0, 2 ** 43]), /cut short/],
    [tensor('F32', [2], [4, 12]), /place of a does not fit/],
    [tensor('F32', [-2], [0, 8]), /not readable/],
    [tensor('BF16', [4], [0, 8]), /not readable/],
    [tensor('F32', [2], [0, 8]), /checksum/],
    [null, /not readable/],
    [[], /not readable/],
    [tensor('F32', [1.5], [0, 8]), /not readable/],
    [tensor('toString', [2], [0, 8]), /not readable/],
    [tensor('F32', [2], [0, 8, 8]), /not readable/],
    [{ a: { dtype: 'F32', shape: 2, data_offsets: [0, 8] } }, /not readable/],
    [{ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], strides: [1] } }, /not readable/],
    [{ ...tensor('F32', [2], [0, 8]), __metadata__: { step: 12 } }, /not readable/],
  ];
  for (const [header, message] of cases) {
    assert.throws(
      () => decodeSafetensors(file(header, 8)),
      (error) => error instanceof SafetensorsError && message.test(error.message),
    );
  }
  assert.throws(() => encodeSafetensors({ a: { shape: [2], data: new Uint8Array(3) } }, {}), /3 values/);
});

test('checkpoint: comes back as it was; cut at any byte it is a UserError', () => {
  const dir = freshFolder();
  const seed = new SeedFolder(dir, 1);
  assert.equal(seed.readCheckpoint(), undefined);
  assert.deepEqual(readdirSync(dir), [], 'asking writes nothing');
  seed.make();
  seed.writeCheckpoint({ state, wallSeconds: 12.25 }, () => {});
  assert.deepEqual(seed.readCheckpoint(), { state, wallSeconds: 12.25, fallback: null });
  assert.deepEqual(readdirSync(seed.dir), ['checkpoint.safetensors']);

  const file = join(seed.dir, 'checkpoint.safetensors');
  const bytes = readFileSync(file);
  for (let length = 0; length < bytes.length; length++) {
    writeFileSync(file, bytes.subarray(0, length));
    assert.throws(() => seed.readCheckpoint(), userError(/^\S+checkpoint\.safetensors: cut short \(/));
  }
  const all = `${bytes.length - 1} of ${bytes.length} bytes`;
  assert.throws(
    () => seed.readCheckpoint(),
    userError(new RegExp(`cut short \\(${all}\\); move this seed's folder away to train it from the start$`)),
  );
  writeFileSync(file, encodeSafetensors({}, { checkpointVersion: '2' }));
  assert.throws(() => seed.readCheckpoint(), userError(/version 2, this one knows 1/));
});

test('checkpoint: the one before stands in for a damaged or missing newest one', () => {
  const dir = freshFolder();
  const seed = new SeedFolder(dir, 1);
  seed.make();
  const write = (step: number) =>
    seed.writeCheckpoint({ state: { ...state, step }, wallSeconds: step }, () => {});
  for (const step of [100, 200, 300]) write(step);
  const newest = join(seed.dir, 'checkpoint.safetensors');
  const previous = join(seed.dir, 'checkpoint.previous.safetensors');
  assert.deepEqual(readdirSync(seed.dir).sort(), [
    'checkpoint.previous.safetensors',
    'checkpoint.safetensors',
  ]);
  assert.equal(seed.readCheckpoint()?.state.step, 300);

  const whole = readFileSync(newest);
  const found = (bytes: Buffer) => {
    writeFileSync(newest, bytes);
    const { state, fallback } = seed.readCheckpoint()!;
    assert.equal(state.step, 200);
    return fallback!;
  };
  for (let length = 0; length < whole.length; length++) {
    assert.match(
      found(whole.subarray(0, length)),
      /checkpoint\.safetensors: cut short \(.*; going on from .*, at step 200$/,
    );
  }
  fc.assert(
    fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.match(found(flipped), /checkpoint\.safetensors: (cut short|damaged) \(/);
    }),
    { seed: 1, numRuns: 200 },
  );

  // Going on drops the damaged one: the next checkpoint must not push the good one out and keep the damage.
  assert.equal(seed.resumeCheckpoint()?.state.step, 200);
  assert.deepEqual(readdirSync(seed.dir), ['checkpoint.safetensors']);
  write(300);
  rmSync(newest);
  assert.match(
    seed.readCheckpoint()!.fallback!,
    /checkpoint\.safetensors: missing; going on from .*, at step 200$/,
  );
  writeFileSync(newest, whole.subarray(0, 9));
  truncateSync(previous, 20);
  assert.throws(
    () => seed.readCheckpoint(),
    userError(
      /^\S+checkpoint\.safetensors: cut short \(.*\), and \S+previous\.safetensors: cut short \(.*\); move this seed's folder away/,
    ),
  );
  // A whole file of another version is not damage: falling back would throw it away.
  write(400);
  write(500);
  writeFileSync(newest, encodeSafetensors({}, { checkpointVersion: '2' }));
  assert.throws(() => seed.readCheckpoint(), userError(/version 2, this one knows 1/));
});

test('checkpoint: who may no longer write changes nothing, and a deleted run folder does not come back', () => {
  const dir = freshFolder();
  const seed = new SeedFolder(dir, 1);
  seed.make();
  seed.writeCheckpoint({ state, wallSeconds: 1 }, () => {});
  const before = readFileSync(join(seed.dir, 'checkpoint.safetensors'));
  const forbid = () => {
    throw new UserError('not ours');
  };
  assert.throws(() => seed.writeCheckpoint({ state, wallSeconds: 2 }, forbid), userError(/^not ours$/));
  assert.deepEqual(readdirSync(seed.dir), ['checkpoint.safetensors']);
  assert.deepEqual(readFileSync(join(seed.dir, 'checkpoint.safetensors')), before);
  rmSync(dir, { recursive: true });
  for (const write of [() => seed.make(), () => seed.writeCheckpoint({ state, wallSeconds: 2 }, () => {})]) {
    assert.throws(write, userError(/its folder has disappeared; run the same command again/, 1));
    assert.ok(!existsSync(dir), 'the folder stays away');
  }
});

test('csv: numbers come back exactly, empty cells as null, text as text', () => {
  const file = join(freshFolder(), 'table.csv');
  const values = fc.oneof(fc.double(), fc.integer(), fc.constant(null));
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 8 }), (cells) => {
      const rows = cells.map((cell, i) => ({ label: `a,"b"\n${i}`, cell: Object.is(cell, -0) ? 0 : cell }));
      writeCsv(file, ['label', 'cell'], rows);
      assert.deepEqual(readCsv(file), { columns: ['label', 'cell'], rows });
    }),
    { seed: 1, numRuns: 30 },
  );
  assert.equal(readCsv(`${file}.missing`), undefined);
  const read = (text: string) => {
    try {
      return parseCsv(text, file);
    } catch (error) {
      return `${error}`;
    }
  };
  const piece = fc.constantFrom('a', '1', ',', ',', '\n', '\n', '\r\n', '"', ' ', '1e-3', 'x'.repeat(30_000));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      assert.deepEqual(
        read(text),
        read(`\ufeff${text}`),
        'lines that are split as they are read as csv-parse reads them',
      );
    }),
    { seed: 1, numRuns: 300 },
  );
  writeFileSync(file, 'a,b\n1,2\n3\n');
  assert.throws(() => readCsv(file), userError(/table\.csv:3: not readable as CSV/));
});

test('csv log: grows by whole lines, goes on in the same file, refuses other columns', () => {
  const dir = freshFolder();
  const file = join(dir, 'metrics.csv');
  new CsvLog(file, columns).append(row(100, 20.5));
  const log = new CsvLog(file, columns);
  log.append(row(200, 1 / 3));
  const text = `seed,env_step,reward_mean,dream_return\n1,100,20.5,\n1,200,${1 / 3},\n`;
  assert.equal(readFileSync(file, 'utf8'), text);

  assert.throws(() => log.append({ seed: 1, env_step: 300, reward_mean: 1 }), /lacks \[dream_return\]/);
  assert.throws(() => log.append({ ...row(300, 1), other: 1 }), /unknown \[other\]/);
  assert.throws(() => new CsvLog(file, ['seed', 'env_step']), userError(/metrics\.csv:1: has other columns/));
  assert.equal(readFileSync(file, 'utf8'), text);

  writeFileSync(file, 'seed,env_st');
  new CsvLog(file, columns).append(row(100, 20.5));
  assert.equal(readFileSync(file, 'utf8'), text.split('\n').slice(0, 2).join('\n').concat('\n'));
});

test('csv log: after a kill at any byte, cutting back and going on gives the same file', () => {
  const dir = freshFolder();
  const whole = join(dir, 'whole.csv');
  const rewards = [20.5, 1 / 3, 499.9, 500];
  const steps = rewards.map((reward, i) => row(100 * (i + 1), reward));
  const log = new CsvLog(whole, columns);
  for (const step of steps) log.append(step);
  const text = readFileSync(whole, 'utf8');
  const checkpoint = text.indexOf('1,300');
  for (let length = checkpoint; length <= text.length; length++) {
    const file = join(dir, 'killed.csv');
    writeFileSync(file, text.slice(0, length));
    const resumed = new CsvLog(file, columns);
    resumed.keep((step) => step <= 200);
    assert.equal(readFileSync(file, 'utf8'), text.slice(0, checkpoint));
    if (length % 9 === 0) for (const step of steps.slice(2)) resumed.append(step);
  }
  appendFileSync(whole, '1,5');
  log.append(row(500, 1));
  assert.equal(readFileSync(whole, 'utf8'), `${text}1,500,1,\n`, 'a half-written line is cut off');
  writeFileSync(whole, `${text}1,x,1,\n`);
  assert.throws(
    () => log.keep((step) => step <= 200),
    userError(/whole\.csv:6: env_step is not a number \(x\)/),
  );
});

test('a write that finds no room is one sentence, and what was written stays readable', {
  skip: process.platform === 'win32' && 'skipped: no ulimit',
}, () => {
  const dir = freshFolder();
  const log = join(dir, 'log.csv');
  const file = join(dir, 'file');
  for (const path of [log, file]) writeFileSync(path, 'kept\n');
  // The limit of 1024 bytes lets each write begin and stops it on its way, as a full disk does.
  const script = `
    const { appendLines, replaceFile } = await import(${JSON.stringify(new URL('../dist/runs/atomic.js', import.meta.url))});
    const [, log, file] = process.argv;
    for (const action of [() => appendLines(log, 'x'.repeat(2000)), () => replaceFile(file, 'x'.repeat(2000))]) {
      try { action(); } catch (error) { process.stdout.write(error.name + ' ' + error.exitCode + ' ' + error.message + '\\n'); }
    }`;
  const limited = 'ulimit -f 1; exec "$0" --input-type=module -e "$1" "$2" "$3"';
  const child = spawnSync('bash', ['-c', limited, process.execPath, script, log, file], { encoding: 'utf8' });
  assert.equal(child.stderr, '');
  const [first, second] = child.stdout.split('\n');
  assert.match(first!, /^UserError 1 .*log\.csv: the file would grow beyond the limit/);
  assert.match(second!, /^UserError 1 .*file: the file would grow beyond the limit/);
  for (const path of [log, file]) assert.equal(readFileSync(path, 'utf8'), 'kept\n');
  assert.deepEqual(readdirSync(dir).sort(), ['file', 'log.csv']);
});

test('nothing is written through a link, read from a pipe or read without bound', () => {
  const folder = RunFolder.open(freshPath(), { configText, info });
  const outside = freshPath();
  writeFileSync(outside, 'mine');
  // What is replaced loses the link; what is appended to refuses it.
  symlinkSync(outside, join(folder.dir, 'summary.csv.tmp'));
  symlinkSync(outside, join(folder.dir, 'summary.csv'));
  folder.writeSummary([]);
  assert.equal(readFileSync(join(folder.dir, 'summary.csv'), 'utf8'), `${summaryColumns}\n`);
  const events = join(folder.dir, 'events.jsonl');
  symlinkSync(outside, events);
  assert.throws(() => folder.logEvent({ kind: 'start' }), userError(/events\.jsonl: a symbolic link/, 2));
  folder.close();
  const reopen = () => RunFolder.open(folder.dir, { configText, info });
  assert.throws(reopen, userError(/events\.jsonl: .* may hold no symbolic link/, 2));
  rmSync(events);
  mkdirSync(folder.seed(1).dir);
  symlinkSync(root, join(folder.seed(1).dir, 'metrics.csv'));
  assert.throws(reopen, userError(/seed-1\/metrics\.csv: .* may hold no symbolic link/, 2));
  rmSync(folder.seed(1).dir, { recursive: true });
  symlinkSync(root, folder.seed(1).dir);
  assert.throws(reopen, userError(/seed-1: .* may hold no symbolic link/, 2));
  // A dangling link where the lock belongs exists for who makes it and not for who reads it.
  rmSync(folder.seed(1).dir);
  symlinkSync('nowhere', join(folder.dir, 'run.lock'));
  assert.throws(reopen, userError(/run\.lock: .* may hold no symbolic link/, 2));
  assert.equal(readFileSync(outside, 'utf8'), 'mine');

  const metrics = freshPath();
  if (spawnSync('mkfifo', [metrics]).status === 0) {
    assert.throws(() => readCsv(metrics), userError(/is a pipe or a device/, 2));
    rmSync(metrics);
  }
  writeFileSync(metrics, '');
  truncateSync(metrics, 2 ** 32);
  assert.throws(() => readCsv(metrics), userError(/4294967296 bytes are more than/, 2));
  writeFileSync(join(folder.dir, 'run.json'), ' '.repeat(2 ** 24 + 1));
  assert.throws(() => readRun(folder.dir), userError(/run\.json: 16777217 bytes are more than/, 2));
});

test('a path through a file is one sentence', () => {
  const file = freshPath();
  writeFileSync(file, '');
  const open = (dir: string) => () => RunFolder.open(dir, { configText, info });
  assert.throws(open(join(file, 'x')), userError(/a part of this path is a file/, 2));
  assert.throws(open(file), userError(/is a file, not a folder/));
});

const deadProcess = spawnSync(process.execPath, ['-e', '']).pid;
const ownerText = (owner: object) =>
  JSON.stringify({ pid: process.pid, host: hostname(), started: null, ...owner });

test('lock: keeps a second owner out until it is released', () => {
  const dir = freshFolder();
  const lock = acquireLock(dir);
  assert.equal(lock.takenOver, null);
  const inUse = new RegExp(`^${dir} is in use by process ${process.pid}; wait for it or use another --name$`);
  assert.throws(() => acquireLock(dir), userError(inUse));
  lock.release();
  assert.deepEqual(readdirSync(dir), []);
  const lost = acquireLock(dir);
  writeFileSync(join(dir, 'run.lock'), ownerText({ pid: process.pid + 1 }));
  lost.release();
  assert.deepEqual(readdirSync(dir), ['run.lock'], "another's lock is not released");
});

test('lock: who lost it writes nothing more', () => {
  const dir = freshPath();
  const folder = RunFolder.open(dir, { configText, info });
  folder.logEvent({ kind: 'start' });
  checkLockOf(dir, ownText());
  const lost = userError(
    /was deleted, replaced or unlocked while this run was writing to it; run the same/,
    1,
  );
  for (const content of [undefined, ownerText({ pid: process.pid + 1 }), ownerText({ started: 'x:1' })]) {
    rmSync(join(dir, 'run.lock'));
    if (content) writeFileSync(join(dir, 'run.lock'), content);
    const before = readFileSync(join(dir, 'run.json'), 'utf8');
    assert.throws(() => folder.logEvent({ kind: 'end' }), lost);
    assert.throws(() => folder.setStatus(1, 'done'), lost);
    assert.throws(() => folder.writeSummary([]), lost);
    assert.throws(() => checkLockOf(dir, ownText()), lost);
    assert.equal(readFileSync(join(dir, 'run.json'), 'utf8'), before);
    writeFileSync(join(dir, 'run.lock'), ownerText({}));
  }
});

test('lock: is taken over only from a process that is gone', () => {
  const dir = freshFolder();
  const file = join(dir, 'run.lock');
  const takenOver = () => {
    const lock = acquireLock(dir);
    lock.release();
    assert.deepEqual(readdirSync(dir), []);
    return lock.takenOver;
  };
  writeFileSync(file, ownerText({ pid: deadProcess }));
  assert.equal(takenOver(), `process ${deadProcess}`);
  // A process was killed while it took a lock over.
  writeFileSync(file, ownerText({ pid: deadProcess }));
  writeFileSync(join(dir, 'run.takeover.lock'), ownerText({ pid: deadProcess }));
  assert.equal(takenOver(), `process ${deadProcess}`);
  // A process was killed between making the lock and writing into it.
  writeFileSync(file, '');
  assert.throws(() => acquireLock(dir), userError(/just being opened/));
  utimesSync(file, 0, 0);
  assert.equal(takenOver(), 'an unknown process');
  writeFileSync(file, '');
  const tomorrow = Date.now() / 1000 + 86_400;
  utimesSync(file, tomorrow, tomorrow);
  assert.equal(takenOver(), 'an unknown process', 'the clock was set back since');
  if (process.platform === 'linux') {
    writeFileSync(file, ownerText({ started: 'another boot:1' }));
    assert.equal(takenOver(), `process ${process.pid}`, 'the process id was given out again');
  }
  writeFileSync(file, ownerText({ pid: deadProcess, host: 'elsewhere' }));
  assert.throws(() => acquireLock(dir), userError(/in use by process \d+ on elsewhere;.*or delete/));
});

test('lock: of several processes that find the same stale lock, one gets it', async () => {
  const dir = freshFolder();
  writeFileSync(join(dir, 'run.lock'), ownerText({ pid: deadProcess }));
  const lock = new URL('../src/runs/lock.ts', import.meta.url).href;
  const program = `
    import { acquireLock } from ${JSON.stringify(lock)};
    process.stdin.once('data', () => {
      try { acquireLock(${JSON.stringify(dir)}); process.stdout.write('got it'); }
      catch (error) { process.stdout.write(error.name); }
    });
    process.stdin.once('end', () => process.exit());
    process.stdout.write('ready ');`;
  const args = [...process.execArgv, '--input-type=module', '-e', program];
  const starters = Array.from({ length: 4 }, () => {
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const said = { text: '' };
    child.stdout.on('data', (chunk) => {
      said.text += chunk;
    });
    const says = async (pattern: RegExp) => {
      while (!pattern.test(said.text)) await new Promise((resolve) => child.stdout.once('data', resolve));
      return said.text;
    };
    return { child, says };
  });
  await Promise.all(starters.map(({ says }) => says(/ready/)));
  for (const { child } of starters) child.stdin.write('go');
  const outcomes = await Promise.all(starters.map(({ says }) => says(/got it|Error/)));
  for (const { child } of starters) child.stdin.end();
  assert.deepEqual(outcomes.sort(), [
    'ready UserError',
    'ready UserError',
    'ready UserError',
    'ready got it',
  ]);
});

test('run folder: is made, gone on with, and read', () => {
  const dir = freshPath();
  const folder = RunFolder.open(dir, { configText, info });
  assert.equal(folder.resumed, false);
  assert.throws(() => RunFolder.open(dir, { configText, info }), userError(/is in use/));
  folder.logEvent({ kind: 'start', engine: 'cpu' });
  folder.setStatus(3, 'failed', 'losses are not finite');
  folder.setStatus(3, 'done');
  folder.setStatus(2, 'failed', 'losses are not finite');
  folder.markStart(origin);
  folder.markEnd(3.5);
  const logs = [3, 1].map((seed) => folder.seed(seed).openMetrics(columns));
  logs[0]!.append({ ...row(100, 20), seed: 3 });
  logs[1]!.append(row(100, 410));
  appendFileSync(logs[1]!.file, '1,2');
  folder.joinMetrics();
  folder.seed(3).markDone({ steps: 100, updates: 7, wallSeconds: 1.5, engine: 'cpu', device: 'a processor' });
  const curve = summarise(
    readCsv(logs[0]!.file)!.rows.map(() => row(100, 20)),
    'CartPole-v1',
  );
  const done = { method: 'dream-critic', seed: 3, env_steps: 100, updates: 7, wall_seconds: 1.5 };
  folder.writeSummary([{ ...done, ...curve, engine: 'cpu', device: 'a processor' }]);
  folder.close();

  const joined = 'seed,env_step,reward_mean,dream_return\n1,100,410,\n3,100,20,\n';
  assert.equal(readFileSync(join(dir, 'metrics.csv'), 'utf8'), joined);
  const summary = readCsv(join(dir, 'summary.csv'))!;
  assert.deepEqual(summary.columns, [...summaryColumns]);
  assert.equal(summary.rows[0]!.final_reward, 20);

  const again = RunFolder.open(dir, { configText: 'method: other\n', info });
  assert.equal(again.resumed, true);
  assert.equal(again.configText, configText);
  assert.deepEqual(again.info.status, { 1: 'waiting', 2: 'failed', 3: 'done' });
  assert.deepEqual(again.info.failures, { 2: 'losses are not finite' });
  again.logEvent({ kind: 'resume' });
  again.close();
  const events = readFileSync(join(dir, 'events.jsonl'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    events.map((line) => JSON.parse(line).kind),
    ['start', 'resume'],
  );

  const before = readdirSync(dir);
  const run = readRun(dir);
  assert.deepEqual(readdirSync(dir), before, 'reading writes nothing');
  assert.equal(run.name, dir.split(/[\\/]/).at(-1));
  assert.deepEqual(run.experiment, loadExperiment({ file: 'x', text: configText, overrides: [], flags: {} }));
  assert.deepEqual(run.info, again.info);
  assert.deepEqual(run.unfinished, [1, 2]);
  assert.deepEqual(
    run.seeds.map(({ seed, rows }) => [seed, rows]),
    [[3, [{ ...row(100, 20), seed: 3 }]]],
  );
  assert.equal(run.seeds[0]!.done.steps, 100);

  appendFileSync(join(dir, 'seed-3/metrics.csv'), '3,200,abc,\n');
  assert.throws(() => readRun(dir), userError(/metrics\.csv:3: reward_mean is not a number \(abc\)/));
  rmSync(join(dir, 'seed-3/metrics.csv'));
  assert.throws(() => readRun(dir), userError(/metrics\.csv: missing/));
});

test('run folder: every sitting is kept, and what made it; a run of old tells its last one', () => {
  const dir = freshPath();
  const sit = (origin: Origin, ends: boolean) => {
    const folder = RunFolder.open(dir, { configText, info });
    folder.markStart(origin);
    if (ends) folder.markEnd(2);
    folder.close();
    return folder.info;
  };
  sit(origin, true);
  sit({ ...origin, gitCommit: 'c0ffee', gitChanges: 'abc' }, false);
  const last = sit({ ...origin, node: '24.0.0' }, true);
  assert.deepEqual(
    sittingsOf(last).map(({ start, end, ...made }) => [typeof start, end === null, made]),
    [
      ['string', false, origin],
      ['string', true, { ...origin, gitCommit: 'c0ffee', gitChanges: 'abc' }],
      ['string', false, { ...origin, node: '24.0.0' }],
    ],
  );
  assert.equal(last.node, '24.0.0', "the run's own is the last sitting's");
  assert.equal(last.seconds, 4);
  assert.deepEqual(originDifferences([last]), [
    { name: 'wm', values: [['0.1.0', '0.1.0 (c0ffee, changed: abc)']] },
    { name: 'Node', values: [['20.17.0', '24.0.0']] },
  ]);

  // As wm wrote it before sittings, changes of the source and the processor were kept.
  const { sittings: _, gitChanges: __, processor: ___, ...old } = last;
  writeFileSync(join(dir, 'run.json'), JSON.stringify(old));
  const { info: read } = readRun(dir);
  assert.equal(sittingsOf(read).length, 1);
  assert.deepEqual(originDifferences([read]), []);
  const changed = (after: Partial<Origin>) =>
    originChanges(sittingsOf(read)[0]!, { ...origin, node: '24.0.0', ...after }).map(({ event }) => event);
  assert.deepEqual(changed({ processor: 'another', host: 'there', cores: 2 }), []);
  assert.deepEqual(changed({ gitChanges: 'abc', node: '20.17.0' }), ['wm-changed', 'node-changed']);
  const grown = sit(origin, true);
  assert.deepEqual(
    sittingsOf(grown).map(({ node }) => node),
    ['24.0.0', '20.17.0'],
  );
});

test('run folder: a start that was killed on its way is done again', () => {
  const dir = freshFolder();
  writeFileSync(join(dir, 'run.lock'), ownerText({ pid: deadProcess }));
  writeFileSync(join(dir, 'config.yaml'), configText);
  writeFileSync(join(dir, 'run.json.tmp'), '{');
  const folder = RunFolder.open(dir, { configText, info });
  assert.equal(folder.takenOver, `process ${deadProcess}`);
  assert.equal(folder.resumed, false);
  assert.equal(folder.configText, configText);
  folder.close();
  assert.deepEqual(readdirSync(dir).sort(), ['config.yaml', 'run.json']);
});

test('run folder: a config of another run, or of somebody, is refused and kept', () => {
  const dir = freshFolder();
  writeFileSync(join(dir, 'config.yaml'), 'method: first\n');
  assert.throws(
    () => RunFolder.open(dir, { configText, info }),
    userError(/config\.yaml is of another run or your own/, 2),
  );
  assert.equal(readFileSync(join(dir, 'config.yaml'), 'utf8'), 'method: first\n');
  assert.deepEqual(readdirSync(dir), ['config.yaml']);
});

test('run folder: another kind of folder, a damaged one and a newer one are refused and left alone', () => {
  const dir = freshFolder();
  const open = () => RunFolder.open(dir, { configText, info });
  const refuses = (message: RegExp) => {
    const before = readdirSync(dir);
    assert.throws(open, userError(message, 2));
    assert.deepEqual(readdirSync(dir), before);
  };
  assert.throws(() => readRun(dir), userError(/is no run folder: it holds no run\.json/));
  assert.throws(() => readRun(freshPath()), userError(/does not exist; give a run folder/));
  writeFileSync(join(dir, 'thesis.tex'), '');
  assert.throws(() => readRun(join(dir, 'thesis.tex')), userError(/is a file, no run folder/));
  refuses(/is no run folder: it holds thesis\.tex and no run\.json; use another --name/);
  rmSync(join(dir, 'thesis.tex'));
  open().close();

  const file = join(dir, 'run.json');
  const good = readFileSync(file, 'utf8');
  const newer = /run\.json: made by a newer wm \(schema 2, this one knows 1\); update wm$/;
  writeFileSync(file, JSON.stringify({ schemaVersion: 2 }));
  refuses(newer);
  assert.throws(() => readRun(dir), userError(newer));
  writeFileSync(file, good.slice(0, -5));
  refuses(/run\.json: damaged/);
  writeFileSync(file, good.replace('"cores": 4', '"cores": "four"'));
  refuses(/run\.json: cores: /);
  writeFileSync(file, good);
  rmSync(join(dir, 'config.yaml'));
  refuses(/config\.yaml: missing/);
});

test('summarise: learning curves by hand', () => {
  const summary = (...rewards: number[]) => {
    const rows = rewards.map((reward, i) => ({ ...row(1000 * (i + 1), reward), reward_std: i }));
    const { final_reward, final_reward_last_three, steps_to_400, first_crossing_400 } = summarise(
      rows,
      'CartPole-v1',
    );
    return [final_reward, final_reward_last_three, steps_to_400, first_crossing_400];
  };
  assert.deepEqual(summary(20, 399.9, 400, 450, 500), [500, 450, 3000, 3000]);
  assert.deepEqual(summary(20, 450, 100, 400, 420), [420, (100 + 400 + 420) / 3, 4000, 2000], 'a dip');
  assert.deepEqual(summary(20, 500, 500, 90), [90, (500 + 500 + 90) / 3, null, 2000], 'a collapse');
  assert.deepEqual(summary(20, 30), [30, 25, null, null]);
  assert.deepEqual(summary(500), [500, 500, 1000, 1000]);
  assert.deepEqual(summary(), [null, null, null, null]);
  const crossings = (environment: string, ...rewards: number[]) => {
    const rows = rewards.map((reward, i) => row(1000 * (i + 1), reward));
    const { steps_to_400, first_crossing_400, steps_to_threshold, first_crossing } = summarise(
      rows,
      environment,
    );
    return [steps_to_400, first_crossing_400, steps_to_threshold, first_crossing];
  };
  assert.deepEqual(crossings('CartPole-v1', 410, 475, 474, 480), [1000, 1000, 4000, 2000]);
  assert.deepEqual(
    crossings('Acrobot-v1', -101, -100, 500),
    [null, null, 2000, 2000],
    "the paper's is CartPole's",
  );
  const errors = { prediction_mse: 0.5, prediction_mse_standardised: 0.25, reward_std: 3 };
  const last = summarise([row(1, 2), { ...row(2, 3), ...errors }], 'CartPole-v1');
  assert.equal(last.prediction_mse, 0.5);
  assert.equal(last.prediction_mse_standardised, 0.25);
  assert.equal(last.final_reward_std, 3);
});
