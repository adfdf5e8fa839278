import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { exportCommand } from '../src/cli/export.ts';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { crc32c, maskedCrc32c } from '../src/tensorboard/crc32c.ts';
import { eventFile } from '../src/tensorboard/event-file.ts';
import { crc32cOf, readEventFile } from './support/event-files.ts';
import { runInfo } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = temporaryFolder('tensorboard');

/** Of one pixel each, from the formats' own descriptions; the PNG is grey. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==',
  'base64',
);
const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

const metrics = [
  'seed,env_step,update,wall_seconds,reward_mean,prediction_mse',
  '0,2000,100,10,9.3,0.25',
  '0,4000,600,30,-1.5e-3,',
  '0,6000,1100,50,500,0.125',
  // A writer is at it.
  '0,8000,1600,7',
].join('\n');
const losses = 'seed,env_step,update,loss\n0,3000,350,0.1\n0,4000,600,NaN\n0,5000,850,Infinity\n';

/** A run of three sittings: the second reached no checkpoint, the third begins where the first ended. */
function makeRun(dir: string): string {
  const experiment = loadExperiment({ file: 'test', text: 'method: vae-lstm\nseeds: [0, 1]\n' });
  mkdirSync(path.dirname(dir), { recursive: true });
  const info = { ...runInfo('dream-critic', 'wasm'), status: {} };
  RunFolder.open(dir, { configText: formatExperiment(experiment), info }).close();
  const event = (kind: string, minute: number, step: number) =>
    `${JSON.stringify({ time: `2026-01-01T00:0${minute}:00.000Z`, kind, seeds: { 0: step, 1: 0 } })}\n`;
  writeFileSync(
    path.join(dir, 'events.jsonl'),
    event('start', 0, 0) + event('resume', 2, 4000) + event('resume', 5, 4000),
  );
  mkdirSync(path.join(dir, 'seed-0/media'), { recursive: true });
  const files = {
    'metrics.csv': metrics,
    'losses.csv': losses,
    'media/2000.png': png,
    'media/6000.gif': gif,
  };
  for (const [name, content] of Object.entries({ ...files, 'media/4000.svg': '<svg/>' }))
    writeFileSync(path.join(dir, 'seed-0', name), content);
  return dir;
}

/** Runs the command in this process; gives what it prints. */
function run(context: TestContext, ...[dirs, options]: Parameters<typeof exportCommand>) {
  const said = { stdout: '', stderr: '' };
  const mocks = (['stdout', 'stderr'] as const).map((name) =>
    context.mock.method(process[name], 'write', (text: string) => {
      said[name] += text;
      return true;
    }),
  );
  try {
    assert.equal(exportCommand(dirs, options), 0);
  } finally {
    for (const mock of mocks) mock.mock.restore();
  }
  return said;
}

test('CRC-32C is that of the standard, masked as TFRecord has it', () => {
  // RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms.
  const cases: [Uint8Array, number][] = [
    [Buffer.from('123456789'), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ];
  for (const [bytes, crc] of cases) {
    assert.equal(crc32c(bytes), crc);
    assert.equal(crc32cOf(bytes), crc);
  }
  // 0xe3069283 rotated right by 15 bits is 0x2507c60d; added to 0xa282ead8 that is 0xc78ab0e5.
  assert.equal(maskedCrc32c(Buffer.from('123456789')), 0xc78ab0e5);
});

test('any events are read back from their file', () => {
  const scalars = fc
    .dictionary(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((tag) => tag !== '__proto__'),
      fc.float(),
      { maxKeys: 5 },
    )
    .map((values) => new Map(Object.entries(values)));
  const event = fc.record({
    wallTime: fc.double({ min: 0, max: 4e9, noNaN: true }),
    step: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    scalars,
    pictures: fc.constant(new Map()),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), (events) => {
      const [version, ...read] = readEventFile(eventFile(7.5, events));
      assert.deepEqual(version, {
        ...{ wallTime: 7.5, step: 0, fileVersion: 'brain.Event:2' },
        ...{ scalars: {}, images: {} },
      });
      assert.deepEqual(
        read.map(({ wallTime, step, scalars }) => ({
          wallTime,
          step,
          scalars: Object.entries(scalars).sort(),
        })),
        events.map(({ wallTime, step, scalars }) => ({ wallTime, step, scalars: [...scalars].sort() })),
      );
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('wm export writes a file per sitting, of what stands in the folder by now', (context) => {
  const dir = makeRun(path.join(root, 'a/run'));
  const out = path.join(root, 'out');
  const { stdout, stderr } = run(context, [dir], { tensorboard: out });
  assert.equal(stdout, `wrote 1 seed of 1 run to ${out}; look at them with: tensorboard --logdir ${out}\n`);
  const svg = path.join(dir, 'seed-0/media/4000.svg');
  assert.equal(stderr, `1 picture is left out, such as ${svg}: TensorBoard shows PNG and GIF\n`);

  const began = Date.UTC(2026, 0, 1) / 1000;
  const folder = path.join(out, 'run/seed-0');
  const names = [`events.out.tfevents.${began}.wm.0000`, `events.out.tfevents.${began + 300}.wm.0001`];
  assert.deepEqual(readdirSync(folder).sort(), names);
  const [first, last] = names.map((name) => readEventFile(readFileSync(path.join(folder, name))).slice(1));
  assert.deepEqual(
    first!.map(({ step, wallTime, scalars }) => ({ step, seconds: wallTime - began, scalars })),
    [
      {
        ...{ step: 2000, seconds: 10 },
        scalars: {
          ...{ 'metrics/update': 100, 'metrics/wall_seconds': 10 },
          ...{ 'metrics/reward_mean': Math.fround(9.3), 'metrics/prediction_mse': 0.25 },
        },
      },
      // half-way between two evaluations
      { step: 3000, seconds: 20, scalars: { 'losses/update': 350, 'losses/loss': Math.fround(0.1) } },
      {
        ...{ step: 4000, seconds: 30 },
        scalars: {
          ...{ 'metrics/update': 600, 'metrics/wall_seconds': 30 },
          ...{ 'metrics/reward_mean': Math.fround(-1.5e-3) },
          ...{ 'losses/update': 600, 'losses/loss': Number.NaN },
        },
      },
    ],
  );
  assert.deepEqual(
    last!.map(({ step, wallTime, scalars }) => [step, wallTime - began, scalars['losses/loss']]),
    [
      [5000, 310, Number.POSITIVE_INFINITY],
      [6000, 320, undefined],
    ],
  );
  assert.deepEqual(first![0]!.images, { media: { width: 1, height: 1, channels: 1, encoded: png } });
  assert.deepEqual(last![1]!.images, { media: { width: 1, height: 1, channels: 3, encoded: gif } });
});

test('losses that share an environment step stand at their updates, none is lost', (context) => {
  const dir = makeRun(path.join(root, 'phases/run'));
  const rows = [100, 225, 350, 475, 1100].map((update) => `0,${update > 600 ? 6000 : 4000},${update},0.5`);
  writeFileSync(path.join(dir, 'seed-0/losses.csv'), `seed,env_step,update,loss\n${rows.join('\n')}\n`);
  const out = path.join(root, 'phases-out');
  run(context, [dir], { tensorboard: out });
  const began = Date.UTC(2026, 0, 1) / 1000;
  const folder = path.join(out, 'run/seed-0');
  const files = readdirSync(folder)
    .sort()
    .map((name) => readEventFile(readFileSync(path.join(folder, name))).slice(1));
  const at = (tag: string) =>
    files.map((events) =>
      events.flatMap(({ step, wallTime, scalars }) => (tag in scalars ? [[step, wallTime - began]] : [])),
    );
  // A quarter of the way from the evaluation at update 100 to that at 600, and so on; the last sitting began after 300 s.
  assert.deepEqual(at('losses/loss'), [
    [
      [100, 10],
      [225, 15],
      [350, 20],
      [475, 25],
    ],
    [[1100, 320]],
  ]);
  assert.deepEqual(at('metrics/reward_mean'), [
    [
      [2000, 10],
      [4000, 30],
    ],
    [[6000, 320]],
  ]);
});

test('wm export refuses a folder that holds files, and replaces with --replace what it wrote alone', (context) => {
  const runs = [makeRun(path.join(root, 'b/run')), makeRun(path.join(root, 'c/run'))];
  const out = path.join(root, 'again');
  const refused = (message: RegExp, dirs: string[], tensorboard: string, replace = false) =>
    assert.throws(() => exportCommand(dirs, { tensorboard, replace }), { name: 'UserError', message });
  // Two runs of one name have the folders above them in theirs.
  const { stdout } = run(context, runs, { tensorboard: out, json: true });
  assert.deepEqual(
    JSON.parse(stdout).seeds.map(
      ({ dir, steps, pictures }: { dir: string; steps: number; pictures: number }) => [
        path.relative(out, dir),
        steps,
        pictures,
      ],
    ),
    ['b', 'c'].map((name) => [path.join(name, 'run/seed-0'), 5, 2]),
  );
  refused(/again holds files already; --replace replaces/, runs, out);
  const folder = path.join(out, 'b/run/seed-0');
  const before = readdirSync(folder).sort();
  const written = readFileSync(path.join(folder, before[0]!));
  writeFileSync(path.join(folder, 'events.out.tfevents.0000000001.wm.0003'), 'of a sitting that is no more');
  writeFileSync(path.join(folder, 'events.out.tfevents.0000000001.host.1.0'), 'of another program');
  run(context, runs, { tensorboard: out, replace: true });
  assert.deepEqual(readdirSync(folder).sort(), ['events.out.tfevents.0000000001.host.1.0', ...before]);
  assert.deepEqual(readFileSync(path.join(folder, before[0]!)), written, 'the same run gives the same bytes');

  refused(/b\/run is a run's own folder; export to another one$/, [runs[0]!], runs[0]!, true);
  refused(/b\/run is a run's own folder/, [runs[0]!], path.join(root, 'b'), true);
  refused(/again: no runs to export; give run folders$/, [out], path.join(root, 'none'));
  const twice = run(context, [runs[0]!, `${runs[0]!}/.`], {
    tensorboard: path.join(root, 'once'),
    json: true,
  });
  assert.equal(JSON.parse(twice.stdout).seeds.length, 1, 'one run by two paths is one run');
  writeFileSync(path.join(runs[1]!, 'seed-0/losses.csv'), 'seed,env_step,loss\n0,-3,1\n');
  refused(/losses\.csv:2: env_step is no number of steps; restore this file$/, runs, out, true);
  writeFileSync(path.join(runs[1]!, 'seed-0/losses.csv'), 'seed,env_step,update,loss\n0,3,0.5,1\n');
  refused(/losses\.csv:2: update is no number of updates; restore this file$/, runs, out, true);
});

test('wm export writes nothing where one of its runs cannot be read', (context) => {
  const runs = [makeRun(path.join(root, 'whole/run')), makeRun(path.join(root, 'damaged/run'))];
  const out = path.join(root, 'half');
  const file = path.join(runs[1]!, 'seed-0/losses.csv');
  writeFileSync(file, `${losses}0,x,950,1\n`);
  assert.throws(() => exportCommand(runs, { tensorboard: out }), {
    name: 'UserError',
    message: /losses\.csv/,
  });
  assert.equal(existsSync(out), false);
  writeFileSync(file, losses);
  assert.match(run(context, runs, { tensorboard: out }).stdout, /^wrote 2 seeds of 2 runs/);
});

test('TensorBoard reads them', (context) => {
  const python = process.env.WM_PYTHON ?? 'python3';
  if (spawnSync(python, ['-c', 'import tensorboard']).status !== 0) {
    context.skip(`skipped: ${python} has no tensorboard; name one that has with WM_PYTHON`);
    return;
  }
  const out = path.join(root, 'read');
  run(context, [makeRun(path.join(root, 'd/run'))], { tensorboard: out });
  const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0})
events.Reload()
print(json.dumps({
    'scalars': {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()['scalars']},
    'images': [(e.step, e.width, e.height, len(e.encoded_image_string)) for e in events.Images('media')],
}))`;
  const answer = spawnSync(python, ['-c', script, path.join(out, 'run/seed-0')], { encoding: 'utf8' });
  assert.equal(answer.status, 0, answer.stderr);
  const { scalars, images } = JSON.parse(
    answer.stdout.replaceAll('NaN', '"NaN"').replaceAll('Infinity', '"Infinity"'),
  );
  assert.deepEqual(scalars['metrics/reward_mean'], [
    [2000, Math.fround(9.3)],
    [4000, Math.fround(-1.5e-3)],
    [6000, 500],
  ]);
  assert.deepEqual(scalars['losses/loss'], [
    [3000, Math.fround(0.1)],
    [4000, 'NaN'],
    [5000, 'Infinity'],
  ]);
  assert.deepEqual(images, [
    [2000, 1, 1, png.length],
    [6000, 1, 1, gif.length],
  ]);
});
