import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RECORD_FILE } from '../src/engine/cache.ts';
import type { Engine } from '../src/engine/description.ts';
import { preferred } from '../src/engine/engine.ts';
import { EngineError } from '../src/engine/engine-error.ts';
import { compilation, instructionSets } from '../src/engine/native/compilation.ts';
import { ADDON_FILE, describeNative, nativeFolder, nativeVersion, sha256 } from '../src/engine/native.ts';
import { fakePrograms } from './support/fake-programs.ts';
import { launch, runSync, wm, wmBriefly } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { events, tinyDreamCritic, waitFor } from './support/tiny-run.ts';

/** How the engine native comes to the user, and what goes wrong on the way. */

const dir = temporaryFolder('native-build');
const cache = path.join(dir, 'cache');
const system = '/usr/local/bin:/usr/bin:/bin';
const buildScript = fileURLToPath(new URL('../scripts/build.js', import.meta.url));
/** The folder's name in any cache folder. */
const name = path.basename(nativeFolder());

const environment = (env: NodeJS.ProcessEnv = {}) => ({ WM_CACHE: cache, CXX: '', ...env });
const run = (args: string[], env?: NodeJS.ProcessEnv) => runSync(args, { cwd: dir, env: environment(env) });
const start = (command: string[], env?: NodeJS.ProcessEnv) =>
  launch(command, { cwd: dir, env: environment(env) });

/** A compiler that says its version, and what else is in the script. */
const compiler = (script: string, command = 'g++') =>
  fakePrograms(dir, { [command]: `[ "$1" = --version ] && echo 'g++ 4.8.5' && exit\n${script}` });

/** What a failed command says: one sentence. */
function sentence({ stdout, stderr }: { stdout: string; stderr: string }): string {
  assert.equal(stdout, '');
  const said = stderr.split('\n').filter((line) => line.startsWith('wm: '));
  assert.equal(said.length, 1, stderr);
  assert.doesNotMatch(stderr, /^\s+at /m);
  return said[0]!;
}

const content = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);

const unix = { skip: process.platform === 'win32' && 'skipped: wm engines build native is not for Windows' };
/** What a compiler made of these sources, if one did: `npm run build` tries. */
const made = path.join(nativeFolder(), ADDON_FILE);

describe('what hinders wm engines build native is one sentence with what mends it', unix, () => {
  const tooOld = compiler(`echo "cc1plus: error: unrecognized option '-std=c++17'" >&2; exit 1`);
  const noVectors = compiler(
    `echo 'simd.h: In function f:' >&2; echo "simd.h:9:7: error: '__builtin_convertvector' was not declared" >&2; exit 1`,
    'clang++',
  );
  const unlinked = compiler('for last; do :; done; echo void >"$last"');
  const full = compiler(
    'echo "fatal error: error writing to x.s: No space left on device" >&2; exit 1',
    'c++',
  );
  const build = (env: NodeJS.ProcessEnv) => run(['engines', 'build', 'native'], env);
  const cases: [string, () => ReturnType<typeof run>, number, RegExp][] = [
    [
      'no compiler',
      () => build({ PATH: dir }),
      2,
      /a C\+\+ compiler is missing \(g\+\+, clang\+\+ or c\+\+\); install one \(.+\), or set CXX/,
    ],
    [
      'CXX that names none',
      () => build({ CXX: '/none' }),
      2,
      /the C\+\+ compiler \/none is missing; install it, or set CXX/,
    ],
    [
      'a compiler without C++17',
      () => build({ PATH: `${tooOld}:${system}` }),
      1,
      /g\+\+ \(g\+\+ 4\.8\.5\) does not compile it \(cc1plus: error: unrecognized .*\); set CXX to g\+\+ 9/,
    ],
    [
      'a compiler without vectors',
      () => build({ PATH: `${noVectors}:/none` }),
      1,
      /clang\+\+ .* does not compile it \(simd\.h:9:7: error: .*\); set CXX/,
    ],
    [
      'a full disk',
      () => build({ PATH: `${full}:/none` }),
      1,
      /c\+\+ .* does not compile it \(fatal error: .*No space left on device\); set CXX/,
    ],
    [
      'a compiler that makes no library',
      () => build({ CXX: path.join(unlinked, 'g++') }),
      1,
      /its binary does not load here \(.*\); /,
    ],
    [
      'a cache folder that cannot be written',
      () => build({ CXX: path.join(tooOld, 'g++'), WM_CACHE: path.join(tooOld, 'g++') }),
      2,
      /g\+\+ cannot be written .*; set WM_CACHE/,
    ],
    ['nothing to build', () => run(['engines', 'build']), 2, /give either `native` or --tensorflow/],
    [
      'two engines to build',
      () => run(['engines', 'build', 'native', '--tensorflow', 'x']),
      2,
      /give either `native` or --tensorflow/,
    ],
  ];
  for (const [what, run, code, message] of cases) {
    test(what, () => {
      const ran = run();
      assert.match(sentence(ran), message);
      assert.equal(ran.status, code);
      assert.deepEqual(content(cache), [], 'something was left behind');
    });
  }

  test("wm's own build says it and goes on", async () => {
    for (const env of [{ CXX: path.join(tooOld, 'g++') }, { CXX: '/none' }, { PATH: `${full}:/none` }]) {
      const { code, stdout, stderr } = await start([process.execPath, buildScript], env).ended;
      assert.deepEqual({ code, stdout }, { code: 0, stdout: '' }, stderr);
      assert.match(
        stderr,
        /^(compiling .+\n)?wm is built, without its fastest engine: engine native: .+; .+\n$/,
      );
      assert.deepEqual(content(cache), []);
    }
  });

  test('where one compiler fails, the others end before their folder goes', async () => {
    const ended = path.join(dir, 'ended.txt');
    const one = compiler(
      `case "$*" in *WM_SET=baseline*) echo 'error: no' >&2; exit 1;; esac; sleep 1; echo "$TMPDIR" >>'${ended}'
[ -d "$TMPDIR" ] || echo gone >>'${ended}'`,
    );
    const { code, stderr } = await start([process.execPath, buildScript], { CXX: path.join(one, 'g++') })
      .ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /does not compile it \(error: no\)/);
    // Each set but that one, and what is compiled once for all.
    const lines = readFileSync(ended, 'utf8').trim().split('\n');
    assert.equal(lines.length, instructionSets.length, lines.join('\n'));
    assert.ok(!lines.includes('gone'), 'the folder went first');
  });

  test('a sanitized engine that does not load is made anew, rather than left out by its tests', async () => {
    const sanitized = path.join(dir, 'unsanitary');
    const broken = path.join(sanitized, 'sanitized', name);
    mkdirSync(broken, { recursive: true });
    writeFileSync(path.join(broken, RECORD_FILE), '{}');
    writeFileSync(path.join(broken, ADDON_FILE), '');
    const library = path.join(dir, 'libasan.so');
    writeFileSync(library, '');
    const old = compiler(
      `case $1 in -print-file-name=*) echo '${library}'; exit;; esac\necho 'error: no' >&2; exit 1`,
    );
    const env = { WM_CACHE: sanitized, CXX: path.join(old, 'g++') };
    const command = [process.execPath, '--import', 'tsx', 'scripts/sanitize.ts'];
    const { code, stderr } = await launch(command, { cwd: path.join(buildScript, '../..'), env }).ended;
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^engine native: .* is damaged; .*$/m);
    assert.match(stderr, /^engine native: .* does not compile it \(error: no\); .*$/m);
  });

  const stranger = { uid: 54_321, cwd: '/' };
  const asStranger = (command: string[], env: NodeJS.ProcessEnv = {}) =>
    launch(command, { ...stranger, env: { WM_CACHE: '', XDG_CACHE_HOME: '', HOME: undefined, ...env } })
      .ended;
  const isStranger = spawnSync(
    process.execPath,
    [...['-e', 'require("fs").readFileSync(process.argv[1])'], buildScript],
    { ...stranger, stdio: 'ignore' },
  );
  const nameless = {
    skip:
      (process.getuid?.() !== 0 || isStranger.status !== 0) &&
      'skipped: it takes root, and a checkout that others can read',
  };
  test('a user without a home folder is told to name one for engines', nameless, async () => {
    const { code, stdout, stderr } = await asStranger([...wm, 'engines', '--json']);
    assert.equal(code, 0, stderr);
    const details = Object.fromEntries(
      JSON.parse(stdout).map(({ engine, detail }: Record<string, string>) => [engine, detail]),
    );
    const wanted = /there is no place for it, [^\n]+; set WM_CACHE to a folder that can be written$/;
    for (const engine of ['native', 'tensorflow']) assert.match(details[engine], wanted);
    // It computes with what comes along.
    const runs = path.join(mkdtempSync(path.join(tmpdir(), 'wm-stranger-')), 'runs');
    chmodSync(path.dirname(runs), 0o777);
    const tiny = [
      '--config',
      'ppo.yaml',
      '--seeds',
      '0',
      '--steps',
      '2048',
      '--set',
      'evaluation.episodes=1',
    ];
    const trained = await asStranger([...wm, 'train', ...tiny, '--runs', runs]);
    rmSync(path.dirname(runs), { recursive: true });
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stderr, / on wasm /);
    const built = await asStranger([process.execPath, buildScript]);
    assert.equal(built.code, 0, built.stderr);
    assert.match(
      built.stderr,
      /^wm is built, without its fastest engine: engine native: there is no place for it, .+\n$/,
    );
  });

  const interrupted: [NodeJS.Signals, number, string[]][] = [
    ['SIGINT', 130, [...wm, 'engines', 'build', 'native']],
    ['SIGTERM', 143, [process.execPath, buildScript]],
  ];
  for (const [signal, code, command] of interrupted) {
    test(`${signal} to ${path.basename(command[1]!)} ends the compilers and leaves nothing`, async () => {
      const pids = path.join(dir, `${signal}.txt`);
      // It has a pass of its own, which writes to a temporary file.
      const slow = compiler(`sleep 600 >"$TMPDIR/pass.s" &\necho $! >>'${pids}'\nwait`);
      const temporary = path.join(dir, `temporary-${signal}`);
      mkdirSync(temporary);
      const { child, ended } = start(command, { CXX: path.join(slow, 'g++'), TMPDIR: temporary });
      await waitFor('a compiler', () => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'));
      child.kill(signal);
      const { code: actual, stderr } = await ended;
      assert.equal(actual, code, stderr);
      const isRunning = (pid: string) => {
        try {
          return process.kill(Number(pid), 0);
        } catch {
          return false;
        }
      };
      const started = readFileSync(pids, 'utf8').trim().split('\n');
      await waitFor('their end', () => !started.some(isRunning));
      assert.deepEqual([...content(cache), ...content(temporary)], []);
    });
  }
});

test('another option of the compiler, or of any instruction set, is another version', () => {
  const { options, families, others } = compilation;
  const x64 = families.x64!.map((set) => ({ ...set, options: [...set.options, '-ffast-math'] }));
  const versions = [
    compilation,
    { options: [...options, '-O3'], families, others },
    { options, families: { ...families, x64 }, others },
    { options, families: { ...families, x64: families.x64!.slice(1) }, others },
  ].map((how) => nativeVersion(how));
  assert.equal(new Set(versions).size, versions.length);
  assert.equal(nativeVersion(structuredClone(compilation)), nativeVersion());
});

describe('a binary that cannot be used is one sentence with what mends it', () => {
  const binary = Buffer.from('not what it seems\n');
  const record = JSON.stringify({ compiler: 'g++', digest: sha256(binary), madeAt: '2026-01-01' });
  const cases: [string, Record<string, string | Buffer>, RegExp][] = [
    ['not built', {}, /it is not built/],
    ['without its binary', { [RECORD_FILE]: record }, /it is not built/],
    ['cut short', { [RECORD_FILE]: record, [ADDON_FILE]: binary.subarray(0, 5) }, /is damaged/],
    [
      'with a record that is not JSON',
      { [RECORD_FILE]: '{', [ADDON_FILE]: binary },
      /cannot be read \(.*JSON.*\)/,
    ],
    ['with a record of nothing', { [RECORD_FILE]: 'null', [ADDON_FILE]: binary }, /is damaged/],
    [
      'of another system',
      { [RECORD_FILE]: record, [ADDON_FILE]: binary },
      /its binary does not load here \(.+\)/,
    ],
  ];
  for (const [what, files, message] of cases) {
    test(what, () => {
      const folder = path.join(dir, 'binaries', what);
      mkdirSync(folder, { recursive: true });
      for (const [file, bytes] of Object.entries(files)) writeFileSync(path.join(folder, file), bytes);
      assert.throws(
        () => describeNative(folder),
        (error: unknown) => {
          assert.ok(error instanceof EngineError && error.exitCode === 2);
          assert.match(error.message, /^engine native: [^\n]+; run `wm engines build native`[^\n]*$/);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  test('through the program: what asks for it is refused, and auto goes on with wasm', () => {
    const config = tinyDreamCritic.replace('engine: wasm\n', '');
    writeFileSync(path.join(dir, 'tiny.yaml'), `${config}seeds: [0]\nsteps: 60\n`);
    const train = ['train', '--config', 'tiny.yaml', '--workers', '1'];
    const notBuilt = 'engine native: it is not built; run `wm engines build native`';
    for (const [args, env, said] of [
      [[...train, '--engine', 'native'], {}, `wm: ${notBuilt}`],
      [train, { WM_ENGINE: 'native' }, `wm: WM_ENGINE: ${notBuilt}`],
    ] as const) {
      const ran = run([...args], env);
      assert.equal(ran.status, 2);
      assert.ok(sentence(ran).startsWith(said), ran.stderr);
    }
    assert.deepEqual(content(path.join(dir, 'runs')), [], 'a run folder was written');

    const damaged = path.join(dir, 'damaged');
    cpSync(path.join(dir, 'binaries/cut short'), path.join(damaged, name), { recursive: true });
    const { status, stdout, stderr } = run(['engines', '--json'], { WM_CACHE: damaged });
    assert.equal(status, 0, stderr);
    const engines: { engine: string; usable: boolean; detail: string; auto: boolean }[] = JSON.parse(stdout);
    const reason = engines.find(({ engine }) => engine === 'native')!.detail;
    assert.match(reason, /^engine native: .*native-.* is damaged; run `wm engines build native`$/);
    assert.match(
      run(['engines'], { WM_CACHE: damaged }).stdout,
      /^ {2}native +missing +- +engine native: .* is damaged; run /m,
    );
    if (engines.some(({ engine, auto }) => auto && engine !== 'wasm')) return;

    const trained = run(train, { WM_CACHE: damaged });
    assert.equal(trained.status, 0, trained.stderr);
    assert.match(
      trained.stderr,
      /^training .* on wasm [^;]*; engine native: .* is damaged; run `wm engines build native`\n/,
    );
    const { engine } = JSON.parse(readFileSync(path.join(dir, 'runs/tiny/run.json'), 'utf8'));
    assert.deepEqual([engine.name, engine.reason], ['wasm', reason]);
  });
});

const isMade = existsSync(made);
describe('with a compiler', { skip: !isMade && 'skipped: engine native is not built here' }, () => {
  /** As quick as can be: what it links was compiled before. */
  const copying = compiler(`for last; do :; done; cp '${made}' "$last"`);
  const CXX = path.join(copying, 'g++');
  const binary = path.join(cache, name, ADDON_FILE);

  before(() => {
    const { status, stdout, stderr } = run(['engines', 'build', 'native'], { CXX });
    assert.equal(status, 0, stderr);
    assert.equal(
      stderr,
      'compiling the engine native with g++ 4.8.5, some 15 seconds\ncomputing one operation\n',
    );
    assert.match(stdout, /^engine native is ready: [0-9a-f]{12}, processor, .+, 1 thread, in .+\n$/);
  });

  test('it stands alone in the cache folder, with what it was made by', () => {
    assert.deepEqual(content(cache), [name]);
    const folder = path.join(cache, name);
    assert.equal(statSync(folder).mode & 0o777, 0o777 & ~process.umask());
    assert.deepEqual(content(folder).sort(), [RECORD_FILE, ADDON_FILE].sort());
    const { compiler, digest, madeAt } = JSON.parse(readFileSync(path.join(folder, RECORD_FILE), 'utf8'));
    assert.deepEqual([compiler, digest], ['g++ 4.8.5', sha256(readFileSync(binary))]);
    assert.equal(new Date(madeAt).toISOString(), madeAt);
  });

  test('builds at once all end well, with one whole binary; a build of what is built does nothing', async () => {
    const env = { CXX, WM_CACHE: path.join(dir, 'shared') };
    const node = [process.execPath, buildScript];
    const wmBuild = [...wm, 'engines', 'build', 'native'];
    const all = await Promise.all([node, node, wmBuild].map((command) => start(command, env).ended));
    for (const { code, stderr } of all) assert.equal(code, 0, stderr);
    assert.deepEqual(content(env.WM_CACHE), [name]);
    assert.match(describeNative(path.join(env.WM_CACHE, name)).device, /^processor, /);

    chmodSync(CXX, 0);
    for (const more of [{}, { WM_INSTRUCTIONS: 'mmx' }]) {
      const { code, stdout, stderr } = await start(node, { ...env, ...more }).ended;
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
    }
  });

  test('auto takes it but for a run that began with wasm, which keeps it until another is asked for', async () => {
    const config = path.join(dir, 'on.yaml');
    writeFileSync(config, `${tinyDreamCritic.replace('engine: wasm\n', '')}seeds: [0]\nsteps: 60\n`);
    const train = (env: NodeJS.ProcessEnv, ...more: string[]) =>
      start([...wmBriefly, 'train', '--config', config, '--name', 'on', ...more], env).ended;
    const first = await train({}, '--engine', 'wasm');
    assert.equal(first.code, 0, first.stderr);
    const used = () => JSON.parse(readFileSync(path.join(dir, 'runs/on/run.json'), 'utf8')).engine;
    const kept = await train({}, '--steps', '90');
    assert.equal(kept.code, 0, kept.stderr);
    assert.match(
      kept.stderr,
      / on wasm .*; the run's own, where auto would take (native|tensorflow|webgpu)$/m,
    );
    assert.equal(used().name, 'wasm');
    const { code, stderr } = await train({}, '--steps', '120', '--engine', 'native');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /runs\/on goes on with engine native .* instead of wasm /);
    // Without a compiled one, it cannot.
    const lost = await train({ WM_CACHE: path.join(dir, 'empty') }, '--steps', '150');
    assert.equal(lost.code, 2, lost.stderr);
    assert.match(lost.stderr, /^wm: runs\/on was begun on native, and auto keeps to that: engine native: /m);
    const fresh = await train({}, '--name', 'fresh');
    // A machine with a GPU takes that.
    if (!/GPU/.test(fresh.stderr)) assert.match(fresh.stderr, /^training runs\/fresh .* on native /);
    const changes = events(path.join(dir, 'runs/on')).filter(({ kind }) => kind === 'engine-changed');
    assert.equal(changes.length, 1);
  });
});

describe('what auto takes', () => {
  const engine = (name: Engine['name'], isGpu = false): Engine => ({
    ...{ name, isGpu, device: 'one', version: '1', stacksMembers: isGpu },
  });
  const [gpu, tensorflow] = [engine('tensorflow', true), engine('tensorflow')];
  const [webgpu, software] = [engine('webgpu', true), engine('webgpu')];
  const [native, wasm, cpu] = [engine('native'), engine('wasm'), engine('cpu')];
  const cases: [string, Engine[], Engine][] = [
    ['a GPU by tensorflow', [gpu, software, native, wasm, cpu], gpu],
    ['a GPU by webgpu', [tensorflow, webgpu, native, wasm, cpu], webgpu],
    ['native before tensorflow on a processor', [tensorflow, software, native, wasm, cpu], native],
    ['tensorflow before wasm', [tensorflow, software, wasm, cpu], tensorflow],
    ['wasm before what is slower', [software, wasm, cpu], wasm],
    ['the reference before a software adapter', [software, cpu], cpu],
  ];
  for (const [what, usable, taken] of cases) {
    test(what, () => {
      assert.equal(preferred(usable), taken);
      assert.equal(preferred(usable.toReversed()), taken);
    });
  }
});
