import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { RECORD_FILE } from '../src/engine/cache.ts';
import { startEngine } from '../src/engine/engine.ts';
import { explain } from '../src/engine/tensorflow.ts';
import type { Binding } from '../src/engine/tensorflow-package.ts';
import { testCompiledFunctions } from './support/compiled-functions.ts';
import { assertDreamerGoesOn } from './support/dreamer-runs.ts';
import { engineHere } from './support/engine-here.ts';
import { fakePrograms } from './support/fake-programs.ts';
import { assertGoesOnExactly } from './support/going-on.ts';
import { installedEngines, runSync } from './support/program.ts';
import { assertUpdateEqualsReference } from './support/reference-update.ts';
import { testRssmReference } from './support/rssm-tests.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const found = await engineHere('tensorflow');
const dir = temporaryFolder('tensorflow');

const run = (args: string[], environment: NodeJS.ProcessEnv = {}) =>
  runSync(args, { cwd: dir, env: { WM_CACHE: path.join(dir, 'cache'), ...environment } });

/** A folder that looks like an installed Python tensorflow, without some of its files. */
function library(name: string, ...without: string[]): string {
  const folder = path.join(dir, name);
  const files = [
    'include/tensorflow/c/eager/c_api.h',
    'libtensorflow_cc.so.2',
    'libtensorflow_framework.so.2',
  ];
  for (const file of files.filter((file) => !without.includes(file))) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), 'not what it seems\n');
  }
  return folder;
}

const onLinux = { skip: process.platform !== 'linux' && 'skipped: wm engines build is for Linux' };

describe('what hinders wm engines build or install is one sentence with what mends it', onLinux, () => {
  const compiler = fakePrograms(dir, { 'g++': 'echo g++ 12' });
  const offline = fakePrograms(dir, {
    'g++': 'echo g++ 12',
    npm: 'echo npm error code ENOTFOUND >&2; exit 1',
  });
  const fetched = 'mkdir -p node_modules/@tensorflow/tfjs-node-gpu';
  const hostless = fakePrograms(dir, {
    npm: `[ $1 = install ] && exec ${fetched}; echo Error: getaddrinfo ENOTFOUND >&2; exit 1`,
  });
  const build = (folder: string, environment: NodeJS.ProcessEnv = {}) =>
    run(['engines', 'build', '--tensorflow', folder], environment);
  const cases: [string, () => ReturnType<typeof run>, number, RegExp][] = [
    [
      'no such folder',
      () => build('nowhere'),
      2,
      /nowhere is not the folder of an installed Python tensorflow.*; give /,
    ],
    [
      'a TensorFlow without its C++ library',
      () => build(library('old', 'libtensorflow_cc.so.2')),
      2,
      /has no libtensorflow_cc\.so\.2; install a TensorFlow 2/,
    ],
    [
      'no compiler',
      () => build(library('good'), { CXX: path.join(dir, 'none') }),
      2,
      /the C\+\+ compiler .*none is missing; install it/,
    ],
    ['no npm', () => build(library('good'), { PATH: compiler }), 2, /npm does not start .*; install npm/],
    [
      'no network',
      () => build(library('good'), { PATH: `${offline}:/bin:/usr/bin` }),
      1,
      /npm could not fetch @tensorflow\/tfjs-node-gpu 4\.22\.0 \(npm error code ENOTFOUND\); check the network/,
    ],
    [
      'a host of the packaged library that does not answer',
      () => run(['engines', 'install', 'tensorflow'], { PATH: `${hostless}:/bin:/usr/bin` }),
      1,
      /its library could not be downloaded \(Error: getaddrinfo ENOTFOUND\); check the network, or run `wm engines build/,
    ],
    [
      'a cache folder that cannot be written',
      () => build(library('good'), { WM_CACHE: path.join(dir, 'good', 'libtensorflow_cc.so.2') }),
      2,
      /cannot be written .*; set WM_CACHE/,
    ],
  ];
  for (const [name, run, code, message] of cases) {
    test(name, () => {
      const { status, stdout, stderr } = run();
      assert.equal(status, code, stderr);
      assert.equal(stdout, '');
      const said = stderr.split('\n').filter((line) => line.startsWith('wm: '));
      assert.equal(said.length, 1, stderr);
      assert.match(said[0]!, message);
      assert.ok(!/^\s+at /m.test(stderr), stderr);
      const cache = path.join(dir, 'cache');
      assert.deepEqual(existsSync(cache) ? readdirSync(cache) : [], [], 'something was left behind');
    });
  }
});

describe('what hinders the engine is one sentence with what mends it', () => {
  const built: Binding = {
    folder: '/cache/tensorflow-2.21.0',
    kind: 'built',
    builtAgainst: '/venv/tensorflow',
  };
  const failure = (message: string, code?: string) => Object.assign(new Error(message), code && { code });
  const cases: [string, Error, Binding | undefined, RegExp][] = [
    [
      'absent',
      failure('Cannot find module', 'MODULE_NOT_FOUND'),
      undefined,
      /not installed; run `wm engines build/,
    ],
    [
      'damaged',
      failure('Cannot find module', 'MODULE_NOT_FOUND'),
      built,
      /damaged .*`wm engines build --tensorflow \/venv\/tensorflow`/,
    ],
    [
      'its script did not run',
      failure('The file tfjs_binding.node is missing'),
      undefined,
      /script did not run; run `wm engines install tensorflow`/,
    ],
    [
      'no CUDA',
      failure('libcudart.so.11.0: no such file', 'ERR_DLOPEN_FAILED'),
      undefined,
      /does not load \(libcudart.*install CUDA 11\.2/,
    ],
    [
      'TensorFlow is gone',
      failure('libtensorflow_cc.so.2: no such file', 'ERR_DLOPEN_FAILED'),
      built,
      /put back the TensorFlow in \/venv/,
    ],
    [
      'wrong on the first operation',
      failure('isNullOrUndefined is not a function'),
      undefined,
      /does not compute .*; use --engine wasm/,
    ],
  ];
  for (const [name, error, binding, message] of cases) {
    test(name, () => {
      const sentence = explain(error, binding);
      assert.match(sentence, /^[^\n]+; [^\n]+$/);
      assert.match(sentence, message);
    });
  }

  const inCache =
    (name: string, ...records: string[]) =>
    () => {
      const cache = path.join(dir, name);
      for (const [i, record] of records.entries()) {
        const folder = path.join(cache, `tensorflow-2.${i}`);
        mkdirSync(folder, { recursive: true });
        writeFileSync(path.join(folder, RECORD_FILE), record);
      }
      return cache;
    };
  const file = () => {
    const cache = path.join(dir, 'file');
    writeFileSync(cache, '');
    return cache;
  };
  const unreadable: [string, () => string, RegExp][] = [
    [
      'a record that is not JSON',
      inCache('torn', '{'),
      /tensorflow-2\.0 cannot be read \(.*JSON.*\); remove it/,
    ],
    ['records of nothing', inCache('empty', '{}', '{}'), /tensorflow-2\.0 is damaged \(.*\); remove it/],
    ['a record of null', inCache('null', 'null'), /tensorflow-2\.0 is damaged \(.*\); remove it/],
    ['a cache folder that is a file', file, /file cannot be read \(ENOTDIR.*\); set WM_CACHE/],
  ];
  for (const [what, make, message] of unreadable) {
    test(`${what}, through the program`, () => {
      const WM_CACHE = make();
      const listed = run(['engines', '--json'], { WM_CACHE });
      assert.equal(listed.status, 0, listed.stderr);
      const of = (name: string) =>
        JSON.parse(listed.stdout).find(({ engine }: { engine: string }) => engine === name);
      assert.match(of('tensorflow').detail, message);
      assert.match(of('tensorflow').detail, /^engine tensorflow: [^\n]+$/);
      assert.ok(of('wasm').usable);
      writeFileSync(path.join(dir, 'any.yaml'), 'method: vae-lstm\n');
      const { status, stderr } = run(['train', '--config', 'any.yaml', '--engine', 'tensorflow'], {
        WM_CACHE,
      });
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  }

  test('an installation whose package is gone, through the program', () => {
    const folder = path.join(dir, 'damaged', 'tensorflow-2.21.0');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      path.join(folder, RECORD_FILE),
      JSON.stringify({
        kind: 'built',
        builtAgainst: '/venv/tensorflow',
        tensorflow: '2.21.0',
        madeAt: '2026-01-01',
      }),
    );
    writeFileSync(path.join(dir, 'any.yaml'), 'method: vae-lstm\n');
    const { status, stderr } = run(['train', '--config', 'any.yaml', '--engine', 'tensorflow'], {
      WM_CACHE: path.join(dir, 'damaged'),
    });
    assert.equal(status, 2, stderr);
    assert.match(
      stderr,
      /^wm: engine tensorflow: .*tensorflow-2\.21\.0 is damaged .*; run `wm engines build/m,
    );
    assert.ok(!existsSync(path.join(dir, 'runs')), 'a run folder was written');
  });
});

describe('tensorflow', { skip: typeof found === 'string' && `skipped: ${found}` }, () => {
  before(async () => {
    await startEngine('tensorflow');
  });

  for (const members of [1, 3]) {
    test(`one update of ${members} equals JAX's`, () => assertUpdateEqualsReference(members));
  }

  testCompiledFunctions(1e-5);
  testRssmReference(5e-6);

  test('what goes on from saved weights ends with the bytes of what never stopped', () =>
    assertGoesOnExactly());

  test('a Dreamer goes on so, too', () => assertDreamerGoesOn('CartPole-v1', {}, [21]));

  test('two runs give the same bytes, by seeds stacked in one worker', () => {
    writeFileSync(
      path.join(dir, 'tiny.yaml'),
      JSON.stringify({
        ...{ method: 'vae-lstm', steps: 90, randomSteps: 60, logEvery: 1, seeds: [0, 1], horizon: 3 },
        ...{ evaluation: { every: 60, episodes: 2 }, imaginationStarts: 4, replay: { batch: 4, length: 4 } },
        ...{ model: { latent: 4, hidden: [8], lstm: 8 }, critic: { hidden: [8] }, actor: { hidden: [8] } },
      }),
    );
    const losses = ['a', 'b'].map((name) => {
      const args = [
        'train',
        '--config',
        'tiny.yaml',
        '--name',
        name,
        '--engine',
        'tensorflow',
        '--workers',
        '1',
      ];
      const { status, stderr } = runSync(args, { cwd: dir, env: installedEngines });
      assert.equal(status, 0, stderr);
      const events = readFileSync(path.join(dir, 'runs', name, 'events.jsonl'), 'utf8');
      assert.match(events, /"kind":"worker".*"seeds":\[0,1\]/);
      return readFileSync(path.join(dir, 'runs', name, 'seed-1', 'losses.csv'), 'utf8');
    });
    assert.equal(losses[0], losses[1]);
    assert.ok(losses[0]!.split('\n').length > 5, 'no updates were logged');
  });
});
