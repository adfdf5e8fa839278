import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { compareRuns } from '../../src/compare/index.ts';
import { formatExperiment } from '../../src/config/format.ts';
import { loadExperiment } from '../../src/config/load.ts';
import { experimentOf } from '../../src/config/schema.ts';
import { loadSweep } from '../../src/config/sweep.ts';
import { startEngine } from '../../src/engine/engine.ts';
import { environmentEntry } from '../../src/envs/index.ts';
import { UserError } from '../../src/errors.ts';
import { vaeLstm } from '../../src/methods/vae-lstm/agent.ts';
import { CsvLog, numericRows, parseCsv } from '../../src/runs/csv.ts';
import { readDoneInfo, readRunInfo } from '../../src/runs/records.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from '../../src/runs/safetensors.ts';
import { SeedFolder } from '../../src/runs/seed-folder.ts';
import { agentSpaces } from '../../src/training/agent-spaces.ts';
import type { MemberState } from '../../src/training/state.ts';
import { train } from '../../src/training/train.ts';
import { runSync } from '../support/program.ts';
import { mutationsOf, tokenSoup } from './mutations.ts';

/** A kind of input from outside: how one is made, and what reads it. */
export interface Target<T> {
  name: string;
  /** Share of all inputs. */
  share: number;
  inputs: fc.Arbitrary<T>;
  /**
   * Gives an input to the product; throws what the product throws.
   *
   * @param sandbox an empty folder of its own, beside nothing else
   */
  run: (input: T, sandbox: string) => void | Promise<void>;
}

const repository = fileURLToPath(new URL('../../', import.meta.url));
const published = path.join(repository, 'runs/first/baseline');
const read = (...parts: string[]) => readFileSync(path.join(repository, ...parts));
const configs = [
  'configs/quick.yaml',
  'configs/dream.yaml',
  'configs/ablations/literal.yaml',
  'runs/first/baseline/config.yaml',
].map((file) => read(file));

/** What may happen: nothing wrong, or one sentence for the user. Anything else is a finding. */
async function attempt(action: () => void | Promise<void>): Promise<'accepted' | 'refused'> {
  try {
    await action();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    assert.match(error.message, /^[^\p{C}\p{Zl}\p{Zp}]{1,2000}$/u, 'a message is one printable line');
    return 'refused';
  }
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

const keys = fc.oneof(
  fc.constantFrom(
    'method',
    'model',
    'critic',
    'seeds',
    'steps',
    'name',
    'beta',
    'from',
    'to',
    'hidden',
    'lstm',
  ),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', '', '<<', '~', 'a.b'),
  fc.string({ unit: 'binary' }),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(0, -1, Number.POSITIVE_INFINITY, 5, 2 ** 31, true, null, '', 'CON', '../../x'),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
/** JSON is YAML as well. Duplicate keys, which no JavaScript value has, come from the mutations. */
const jsonText = anyValue.map((value) =>
  Buffer.from(JSON.stringify({ method: 'vae-lstm', ...Object(value) })),
);
const assignment = fc.oneof(
  fc.constantFrom(
    'lambda=0.5',
    'model.latent=3',
    'beta={from: 1, to: 0, over: 9}',
    'seeds=[3, 4]',
    'name=x',
    'model={}',
  ),
  fc
    .tuple(fc.array(keys, { maxLength: 4 }), anyValue)
    .map(([key, value]) => `${key.join('.')}=${JSON.stringify(value)}`),
  fc
    .tuple(fc.array(keys, { maxLength: 3 }), tokenSoup)
    .map(([key, value]) => `${key.join('.')}=${text(value)}`),
  tokenSoup.map(text),
);

const flag = (valid: string) => fc.oneof(fc.constant(valid), tokenSoup.map(text));

function checkConfig(config: string, overrides: string[], flags: Record<string, string | undefined>): void {
  const experiment = loadExperiment({ file: 'c.yaml', text: config, overrides, flags });
  assert.equal(
    path.dirname(path.resolve('runs', experiment.name)),
    path.resolve('runs'),
    'a name is one folder',
  );
  assert.doesNotMatch(experiment.name, /[\p{C}. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu);
  assert.ok(experiment.seeds.length <= 10_000, 'the seeds are bounded');
  const again = loadExperiment({ file: 'again.yaml', text: formatExperiment(experiment) });
  assert.deepEqual(again, experiment, 'a config that was accepted is read back the same');
}

const sweeps: Target<Uint8Array> = {
  name: 'sweeps',
  share: 0.03,
  inputs: fc.oneof(
    mutationsOf([
      Buffer.from(
        'method: vae-lstm\nsweep: {lambda: [0, 0.5, 1], beta.to: [0.1, 1], model.hidden: [[8], [16, 16]]}\n',
      ),
      Buffer.from(
        'method: vae-lstm\nname: arms\nsweep:\n  - {critic.shapesModel: false}\n  - {lambda: 2, horizon: 5}\n',
      ),
    ]),
    anyValue.map((sweep) => Buffer.from(JSON.stringify({ method: 'vae-lstm', sweep }))),
  ),
  run: (bytes) => {
    const { base, cells, text: resolved } = loadSweep({ file: 's.yaml', text: text(bytes) });
    for (const { experiment } of cells) {
      const folder = path.resolve('runs', base.name, experiment.name);
      assert.equal(
        path.dirname(path.dirname(folder)),
        path.resolve('runs'),
        'a cell is one folder in the sweep',
      );
    }
    assert.deepEqual(loadSweep({ file: 'again.yaml', text: resolved }).cells, cells);
  },
};

const configFiles: Target<Uint8Array> = {
  name: 'config files',
  share: 0.32,
  inputs: fc.oneof(
    { weight: 6, arbitrary: mutationsOf(configs) },
    {
      weight: 2,
      arbitrary: tokenSoup.map((soup) => Buffer.concat([Buffer.from('method: vae-lstm\n'), soup])),
    },
    { weight: 2, arbitrary: jsonText },
  ),
  run: (bytes) => {
    // As the command line decodes it.
    let config: string;
    try {
      config = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return;
    }
    checkConfig(config, [], {});
  },
};

const settings: Target<{ overrides: string[]; flags: Record<string, string | undefined> }> = {
  name: '--set and flags',
  share: 0.2,
  inputs: fc.record({
    overrides: fc.array(assignment, { maxLength: 3 }),
    flags: fc.record(
      {
        seeds: flag('0,1,2'),
        steps: flag('2000'),
        name: flag('x'),
        engine: flag('cpu'),
      },
      { requiredKeys: [] },
    ),
  }),
  run: ({ overrides, flags }) => checkConfig(text(configs[0]!), overrides, flags),
};

const csvFiles: Target<Uint8Array> = {
  name: 'CSV files',
  share: 0.15,
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

const records: Target<{ bytes: Uint8Array; name: string }> = {
  name: 'run.json and done.json',
  share: 0.1,
  inputs: fc.constantFrom('run.json', 'seed-100/done.json').chain((name) =>
    fc.record({
      bytes: fc.oneof(mutationsOf([readFileSync(path.join(published, name))]), jsonText),
      name: fc.constant(path.basename(name)),
    }),
  ),
  run: ({ bytes, name }, sandbox) => {
    writeFileSync(path.join(sandbox, name), bytes);
    if (name === 'run.json') readRunInfo(sandbox);
    else readDoneInfo(sandbox);
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
  share: 0.15,
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
  ...[
    'model',
    'model.adam_mean',
    'actor',
    'average.encoder',
    'critic.target',
    'losses.pending',
    'losses.updates',
  ],
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

const listing = (dir: string) => readdirSync(dir, { recursive: true }).map(String).sort();

/** Every kind of input, ready for `check`. */
export const checks: readonly Check[] = [
  prepare(configFiles),
  prepare(sweeps),
  prepare(settings),
  prepare(csvFiles),
  prepare(records),
  prepare(runFolders),
  prepare(checkpoints),
  prepare(states),
  prepare(commands),
];

/** A new folder in memory where there is such a place: the product waits for the disk after every write. */
export function sandboxRoot(): string {
  return mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wm-fuzz-'));
}

/** A target as a property: `check` gives `runs` inputs from `seed` to the product and throws on a finding, shrunk. */
export interface Check {
  name: string;
  share: number;
  /**
   * @param root an empty folder; nothing may be written there but in `sandbox`, which each input finds empty
   * @param slowest seconds of processor time that an input may take
   * @returns how many of the inputs were valid
   */
  check: (options: { seed: number; runs: number; root: string; slowest: number }) => Promise<number>;
}

function prepare<T>({ name, share, inputs, run }: Target<T>): Check {
  return {
    name,
    share,
    check: async ({ seed, runs, root, slowest }) => {
      const sandbox = path.join(root, 'sandbox');
      let accepted = 0;
      const property = fc.asyncProperty(inputs, async (input) => {
        rmSync(sandbox, { recursive: true, force: true });
        mkdirSync(sandbox);
        const begin = process.cpuUsage();
        if ((await attempt(() => run(input, sandbox))) === 'accepted') accepted++;
        // The clock would count what other programs do.
        const { user, system } = process.cpuUsage(begin);
        const seconds = (user + system) / 1e6;
        assert.ok(seconds < slowest, `an input took ${seconds.toFixed(1)} seconds of processor time`);
        assert.deepEqual(Object.keys(Object.prototype), [], 'no prototype is polluted');
        assert.deepEqual(readdirSync(root), ['sandbox'], 'nothing is written beside the sandbox');
      });
      await fc.assert(property, { seed, numRuns: runs });
      return accepted;
    },
  };
}
