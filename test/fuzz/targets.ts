import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { compareByEnvironment, compareRuns } from '../../src/compare/index.ts';
import { loadExperiment } from '../../src/config/load.ts';
import { experimentOf } from '../../src/config/schema.ts';
import { startEngine } from '../../src/engine/engine.ts';
import { environmentEntry } from '../../src/envs/index.ts';
import { vaeLstm } from '../../src/methods/vae-lstm/agent.ts';
import { CsvLog, numericRows, parseCsv } from '../../src/runs/csv.ts';
import { readDoneInfo, readRunInfo, sittingsOf } from '../../src/runs/records.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/runs/safetensors.ts';
import { SafetensorsError } from '../../src/runs/safetensors-format.ts';
import { SeedFolder } from '../../src/runs/seed-folder.ts';
import { agentSpaces } from '../../src/training/agent-spaces.ts';
import type { MemberState } from '../../src/training/state.ts';
import { train } from '../../src/training/train.ts';
import { runSync, wm } from '../support/program.ts';
import { anyValue, assignment, configChecks, configs, jsonText, text } from './configs.ts';
import { dataSets } from './data-sets.ts';
import { mutationsOf } from './mutations.ts';
import { attempt, type Check, prepare, type Target } from './target.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const published = path.join(repository, 'runs/first/baseline');
const read = (...parts: string[]) => readFileSync(path.join(repository, ...parts));
const csvFiles: Target<Uint8Array> = {
  name: 'CSV files',
  share: 0.1,
  inputs: mutationsOf([
    read('runs/first/baseline/seed-100/metrics.csv'),
    read('runs/first/baseline/seed-100/losses.csv').subarray(0, 1500),
    read('runs/first/baseline/summary.csv'),
  ]),
  run: async (bytes, sandbox) => {
    const file = path.join(sandbox, 'metrics.csv');
    await attempt(() => {
      numericRows(parseCsv(text(bytes), file).rows, file);
    });
    writeFileSync(file, bytes);
    const [header = ''] = text(bytes).split('\n');
    const log = new CsvLog(file, ['seed', 'env_step', 'update', ...header.split(',').slice(3)]);
    log.keep((step) => step <= 6000);
  },
};

const record = (...parts: string[]) => JSON.parse(readFileSync(path.join(published, ...parts), 'utf8'));
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const runRecord = record('run.json');
const doneRecord = record('seed-100/done.json');
/** As wm has written them over time, and what other programs call run.json. */
const originals = {
  'run.json': [
    read('runs/first/baseline/run.json'),
    json({ ...runRecord, sittings: [runRecord, { ...runRecord, end: null }] }),
    json({ id: 1, name: 'run', status: 'done', sittings: [] }),
    json({ schemaVersion: '1.0', runs: [{ tool: {}, results: [] }] }),
  ],
  'done.json': [
    read('runs/first/baseline/seed-100/done.json'),
    json({ ...doneRecord, worker: { seeds: [100, 101] }, metStopWhen: true }),
  ],
};

const records: Target<{ bytes: Uint8Array; name: string }> = {
  name: 'run.json and done.json',
  share: 0.1,
  inputs: fc.constantFrom('run.json' as const, 'done.json' as const).chain((name) =>
    fc.record({
      bytes: fc.oneof(mutationsOf(originals[name]), jsonText),
      name: fc.constant(name),
    }),
  ),
  run: ({ bytes, name }, sandbox) => {
    writeFileSync(path.join(sandbox, name), bytes);
    if (name === 'done.json') readDoneInfo(sandbox);
    else sittingsOf(readRunInfo(sandbox)!);
  },
};

/** What may stand at a path of a run folder that came from elsewhere. */
type Item = { at: string } & ({ kind: 'file'; bytes: Uint8Array } | { kind: 'folder' | 'link' | 'gone' });

const names = ['config.yaml', 'run.json', 'events.jsonl', 'metrics.csv', 'summary.csv', 'run.lock'];
const temporary = ['run.json.tmp', 'summary.csv.tmp', 'metrics.csv.tmp', 'run.takeover.lock'];
const inSeeds = [
  'seed-100',
  'seed-100/metrics.csv',
  'seed-100/done.json',
  'seed-101/done.json',
  'seed-101/metrics.csv.tmp',
];
const items: fc.Arbitrary<Item> = fc.constantFrom(...names, ...temporary, ...inSeeds).chain((at) => {
  const original = path.join(published, at.replace('.tmp', ''));
  const bytes = path.extname(at) && existsSync(original) ? readFileSync(original) : Buffer.from('{"pid": 1}');
  return fc.oneof(
    {
      weight: 4,
      arbitrary: mutationsOf([bytes]).map((mutated): Item => ({ at, kind: 'file', bytes: mutated })),
    },
    fc.constantFrom('folder', 'link', 'gone').map((kind): Item => ({ at, kind })),
  );
});

const runFolders: Target<Item[]> = {
  name: 'run folders',
  share: 0.05,
  inputs: fc.array(items, { minLength: 1, maxLength: 3 }),
  run: async (changes, sandbox) => {
    const dir = path.join(sandbox, 'runs', 'baseline');
    const outside = path.join(sandbox, 'outside');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'file'), 'mine');
    copyChanged(dir, changes, outside);
    await attempt(() => {
      compareRuns([dir, published], { paper: true });
    });
    await attempt(() => writeInto(dir));
    assert.deepEqual(readdirSync(sandbox).sort(), ['outside', 'runs'], 'nothing is made beside');
    assert.deepEqual(readdirSync(path.join(sandbox, 'runs')), ['baseline'], 'nothing is made beside the run');
    assert.deepEqual(readdirSync(outside), ['file'], 'nothing is made outside');
    assert.equal(readFileSync(path.join(outside, 'file'), 'utf8'), 'mine', 'nothing is written outside');
  },
};

/** What may lie in a folder that is given for the runs in it. */
const neighbours = fc.oneof(
  fc.array(items, { minLength: 1, maxLength: 2 }).map((changes) => ({ kind: 'run' as const, changes })),
  fc.constantFrom(...originals['run.json']).map((bytes) => ({ kind: 'run.json' as const, bytes })),
  mutationsOf([read('runs/sweeps/lambda/sweep.yaml')]).map((bytes) => ({
    kind: 'sweep.yaml' as const,
    bytes,
  })),
  fc.constantFrom('file', 'folder', 'hidden', 'itself', 'dangling', 'published').map((kind) => ({ kind })),
);
type Neighbour = typeof neighbours extends fc.Arbitrary<infer T> ? T : never;

const foldersOfRuns: Target<Neighbour[]> = {
  name: 'folders of runs',
  share: 0.02,
  inputs: fc.array(neighbours, { maxLength: 4 }),
  run: async (all, sandbox) => {
    const runs = path.join(sandbox, 'runs');
    const outside = path.join(sandbox, 'outside');
    for (const dir of [runs, outside]) mkdirSync(dir);
    writeFileSync(path.join(outside, 'file'), 'mine');
    for (const [place, neighbour] of all.entries()) layDown(neighbour, path.join(runs, `${place}`), outside);
    const before = listing(sandbox);
    await attempt(() => {
      compareByEnvironment([runs], { paper: true, seedValues: true });
    });
    await attempt(() => {
      compareRuns([...before.map((each) => path.join(sandbox, each)), published], { paper: false });
    });
    assert.deepEqual(listing(sandbox), before, 'nothing is written');
  },
};

function layDown(neighbour: Neighbour, at: string, outside: string): void {
  const links: Record<string, string> = { itself: '.', dangling: 'nowhere', published };
  const target = links[neighbour.kind];
  if ('changes' in neighbour) copyChanged(at, neighbour.changes, outside);
  else if (target !== undefined) symlinkSync(target, at);
  else if (neighbour.kind === 'file') writeFileSync(at, 'x');
  else {
    const dir = neighbour.kind === 'hidden' ? path.join(path.dirname(at), `.${path.basename(at)}`) : at;
    mkdirSync(dir);
    if ('bytes' in neighbour) writeFileSync(path.join(dir, neighbour.kind), neighbour.bytes);
  }
}

/** The published run with some of its files changed; links lead to the folder `outside` or its file. */
function copyChanged(dir: string, changes: readonly Item[], outside: string): void {
  cpSync(published, dir, { recursive: true });
  for (const item of changes) {
    const at = path.join(dir, item.at);
    // What is to stand in a folder that an earlier change took away stands nowhere.
    if (!lstatSync(path.dirname(at), { throwIfNoEntry: false })?.isDirectory()) continue;
    rmSync(at, { recursive: true, force: true });
    if (item.kind === 'file') writeFileSync(at, item.bytes);
    else if (item.kind === 'folder') mkdirSync(at);
    else if (item.kind === 'link') symlinkSync(path.extname(at) ? path.join(outside, 'file') : outside, at);
  }
}

/** Everything that a run writes when it goes on. */
function writeInto(dir: string): void {
  const configText = readFileSync(path.join(published, 'config.yaml'), 'utf8');
  const info = readRunInfo(published)!;
  const folder = RunFolder.open(dir, { configText, info });
  try {
    folder.logEvent({ kind: 'resume' });
    folder.setStatus(100, 'running');
    const seed = new SeedFolder(dir, 100);
    const columns = parseCsv(
      readFileSync(path.join(published, 'metrics.csv'), 'utf8'),
      'metrics.csv',
    ).columns;
    const metrics = seed.openMetrics(columns);
    metrics.keep((step) => step <= 4000);
    metrics.append(Object.fromEntries(columns.map((column) => [column, 1])));
    const { end: _, ...done } = readDoneInfo(path.join(published, 'seed-100'))!;
    seed.markDone(done);
    folder.joinMetrics();
    folder.writeSummary([]);
    folder.markEnd(1);
  } finally {
    folder.close();
  }
}

const state = encodeSafetensors(
  {
    model: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    'replay.action': { shape: [2], data: Int32Array.of(0, 1) },
    'replay.added': { shape: [1], data: Float64Array.of(2) },
    'replay.first': { shape: [0], data: new Uint8Array() },
  },
  {
    checkpointVersion: '1',
    step: '12',
    update: '3',
    evaluationDue: 'true',
    wallSeconds: '1.5',
    streams: '{"replay":[1,2,3,4]}',
  },
);

/** A header of any JSON, with a length that may lie, before some data. */
const lyingHeader = fc
  .tuple(
    fc.oneof(
      anyValue,
      fc.dictionary(
        fc.string(),
        fc.record({
          dtype: fc.constantFrom('F32', 'F64', 'U8'),
          shape: fc.array(fc.maxSafeNat(), { maxLength: 3 }),
          data_offsets: fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()),
        }),
      ),
    ),
    fc.oneof(fc.constant(0n), fc.bigInt(-(2n ** 40n), 2n ** 40n), fc.bigInt(0n, 2n ** 63n)),
    fc.uint8Array({ maxLength: 32 }),
  )
  .map(([header, lie, data]) => {
    const json = Buffer.from(JSON.stringify(header) ?? '');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt.asUintN(64, BigInt(json.length) + lie));
    return Buffer.concat([length, json, data]);
  });

const checkpoints: Target<Uint8Array> = {
  name: 'checkpoints',
  share: 0.1,
  inputs: fc.oneof(mutationsOf([state]), lyingHeader),
  run: async (bytes, sandbox) => {
    try {
      decodeSafetensors(bytes);
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
    }
    const folder = new SeedFolder(sandbox, 0);
    mkdirSync(folder.dir);
    writeFileSync(path.join(folder.dir, 'checkpoint.safetensors'), bytes);
    writeFileSync(path.join(folder.dir, 'failure.safetensors'), bytes);
    await attempt(() => {
      folder.readFailure();
    });
    folder.readCheckpoint();
  },
};

/** A dream critic too small to learn, at the step of its first update. */
const tiny = experimentOf(
  loadExperiment({
    file: 'tiny.yaml',
    text: `
method: vae-lstm
steps: 13
randomSteps: 8
evaluation: { every: 100, episodes: 1 }
horizon: 2
imaginationStarts: 2
model: { latent: 2, hidden: [3], lstm: 2 }
critic: { hidden: [3] }
actor: { hidden: [3] }
replay: { batch: 1, length: 2, capacity: 16 }
`,
  }),
  'vae-lstm',
);

async function* training(states?: MemberState[]) {
  await startEngine('cpu');
  const agent = vaeLstm.create(
    [{ seed: 0, settings: tiny }],
    agentSpaces(environmentEntry(tiny.environment)),
  );
  try {
    for await (const event of train(agent, tiny, [0], states)) {
      if (event.kind !== 'step') continue;
      yield event;
      // The evaluation at the end is too slow for thousands of inputs.
      if (states) return;
    }
  } finally {
    agent.dispose();
  }
}

async function firstState(): Promise<MemberState> {
  for await (const event of training()) return (await event.save())[0]!;
  throw new Error('no step');
}

const stateNames = [
  ...['model', 'model.mean', 'actor', 'average.encoder', 'critic.target', 'losses.pending', 'losses.updates'],
  ...[
    'replay.added',
    'replay.observation',
    'replay.action',
    'replay.first',
    'environment.state',
    'environment.first',
  ],
];
const number = fc.oneof(
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 3, 1e300),
  fc.double(),
  fc.integer(),
);
const changedState = fc.record({
  array: fc.constantFrom(...stateNames),
  change: fc.constantFrom('drop', 'resize', 'retype', 'set', 'none'),
  size: fc.nat(40),
  value: number,
  stream: fc.option(
    fc.tuple(fc.constantFrom('replay', 'posterior', 'environment'), fc.array(number, { maxLength: 5 })),
  ),
  step: fc.oneof(fc.constant(12), fc.maxSafeNat()),
});

/** Checkpoints that decode, but hold what no run of this config has saved. */
const states: Target<typeof changedState extends fc.Arbitrary<infer T> ? T : never> = {
  name: 'states of other configs',
  share: 0.02,
  inputs: changedState,
  run: async ({ array, change, size, value, stream, step }) => {
    original ??= await firstState();
    const state: MemberState = { ...structuredClone(original), step };
    const { shape, data } = state.arrays[array]!;
    if (change === 'drop') delete state.arrays[array];
    if (change === 'resize') state.arrays[array] = { shape: [size], data: new Float32Array(size) };
    if (change === 'retype') state.arrays[array] = { shape, data: Float64Array.from(data) };
    if (change === 'set') data.fill(value);
    if (stream) state.streams[stream[0]] = stream[1];
    for await (const _ of training([state])) break;
  },
};
let original: MemberState | undefined;

/** The whole program, with a setting that is always wrong, or with a run folder that was changed. */
const commands: Target<{ config: Uint8Array; override: string; changes: Item[] }> = {
  name: 'the command line',
  share: 0.0005,
  inputs: fc.record({
    config: mutationsOf(configs),
    override: assignment.map((text) => text.replaceAll('\0', '')),
    changes: fc.array(items, { minLength: 1, maxLength: 3 }),
  }),
  run: ({ config, override, changes }, sandbox) => {
    writeFileSync(path.join(sandbox, 'c.yaml'), config);
    copyChanged(path.join(sandbox, 'run'), changes, sandbox);
    const before = listing(sandbox);
    for (const args of [
      ['train', '--config', 'c.yaml', '--set', override, '--set', 'unknown=1'],
      ['compare', 'run', '--paper'],
    ]) {
      const { status, stderr } = runSync(args, { cwd: sandbox, timeout: 60_000 });
      assert.ok(
        status === 2 || (status === 0 && args[0] === 'compare'),
        `${args} ended with ${status}: ${stderr}`,
      );
      assert.match(stderr, status === 0 ? /^$/ : /^(wm: [^\p{C}]+|error: .*)\n$/u);
      assert.deepEqual(listing(sandbox), before, 'nothing is written');
    }
  },
};

/** Where nothing can be made, and outputs that take nothing: none of them is there on every system. */
const places: Target<{ args: string[]; script: string; status: number }> = {
  name: 'places that refuse',
  share: 0.0005,
  inputs: fc.oneof(
    fc.record({
      args: fc
        .tuple(
          fc.constantFrom('train', 'sweep'),
          fc.constantFrom(
            '/proc/runs',
            '/proc/self/runs/x',
            '/dev/null',
            '/dev/null/runs',
            '/sys/runs',
            'file',
            'file/runs',
            'x'.repeat(300),
          ),
        )
        .map(([command, runs]) => [
          command,
          '--config',
          command === 'train' ? 'quick' : 'lambda',
          '--runs',
          runs,
        ]),
      script: fc.constant('exec "$@"'),
      status: fc.constant(2),
    }),
    fc.record({
      args: fc.constantFrom<string[]>(
        ['train', '--config', 'quick'],
        ['sweep', '--config', 'lambda'],
        ['compare', 'runs'],
        ['eval', 'runs'],
        ['report', 'runs'],
      ),
      script: fc.constantFrom('mkdir gone && cd gone && rmdir ../gone && exec "$@"'),
      status: fc.constant(2),
    }),
    fc.record({
      args: fc.constantFrom<string[]>(
        ['configs'],
        ['environments', '--json'],
        ['compare', published],
        ['train', '--help-config'],
      ),
      script: fc.constant('exec "$@" >/dev/full'),
      status: fc.constant(1),
    }),
  ),
  run: ({ args, script, status }, sandbox) => {
    writeFileSync(path.join(sandbox, 'file'), '');
    const shell = ['-c', script, 'sh', ...wm, ...args];
    const ended = spawnSync('sh', shell, { cwd: sandbox, encoding: 'utf8', timeout: 60_000 });
    assert.equal(ended.status, status, `${args} ended with ${ended.status}: ${ended.stderr}`);
    assert.match(ended.stderr, /^wm: [^\p{C}]+\n$/u);
    assert.deepEqual(listing(sandbox), ['file'], 'nothing is written');
  },
};

const listing = (dir: string) => readdirSync(dir, { recursive: true }).map(String).sort();

/** Every kind of input, ready for `check`. */
export const checks: readonly Check[] = [
  ...configChecks,
  prepare(csvFiles),
  prepare(records),
  prepare(runFolders),
  prepare(foldersOfRuns),
  prepare(checkpoints),
  prepare(states),
  prepare(dataSets),
  prepare(commands),
  prepare(places),
];
