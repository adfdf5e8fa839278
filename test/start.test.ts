import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { runSync, wm } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** Where each file of dist/ is and when it was last changed: building anew would make others. */
function built(): string[] {
  const entries = readdirSync(path.join(root, 'dist'), { recursive: true, encoding: 'utf8' });
  return entries.sort().map((name) => {
    const { ino, mtimeMs, ctimeMs } = statSync(path.join(root, 'dist', name));
    return `${name} ${ino} ${mtimeMs} ${ctimeMs}`;
  });
}

/** Where there is neither a C++ compiler nor the engine that one has made. */
function build(): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'scripts/build.js')], {
    encoding: 'utf8',
    env: { ...process.env, CXX: '/none', WM_CACHE: path.join(root, 'dist/none') },
  });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: '' });
  assert.match(stderr, /^wm is built, without its fastest engine: .+ CXX to another\n$/);
}

test('neither a start nor a build of what is built touches dist/', () => {
  // A single file of tests may run before `npm run build`.
  build();
  const before = built();
  assert.ok(before.length > 100);
  const { stdout, stderr, status } = runSync(['--version'], { env: { HOME: undefined } });
  assert.deepEqual({ stdout, stderr, status }, { stdout: `${manifest.version}\n`, stderr: '', status: 0 });
  build();
  assert.deepEqual(built(), before);
});

test('a Node that is too old is told so in one sentence', () => {
  assert.equal(manifest.engines.node, '>=20.17');
  const dir = temporaryFolder('old-node');
  const asNode = path.join(dir, 'as-node.cjs');
  writeFileSync(
    asNode,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: process.env.AS_NODE } });`,
  );
  const start = (version: string) => {
    const [node, ...program] = wm;
    const args = ['--require', asNode, ...program, 'train', '--runs', 'runs'];
    return spawnSync(node!, args, { cwd: dir, encoding: 'utf8', env: { ...process.env, AS_NODE: version } });
  };
  for (const version of ['18.20.8', '20.16.0']) {
    const { status, stdout, stderr } = start(version);
    const sentence = `wm needs Node 20.17 or newer, this is ${version}\n`;
    assert.deepEqual({ status, stdout, stderr }, { status: 2, stdout: '', stderr: sentence });
  }
  for (const version of ['20.17.0', '22.0.0'])
    assert.match(start(version).stderr, /required option|--config/);
  assert.deepEqual(readdirSync(dir), ['as-node.cjs'], 'nothing is written');
  // As Node before 12 reads it, which knows no modules and whose parser ends at `import` with a stack.
  new Script(read('bin/wm.js').replace(/^#!.*/, ''));
});

test('what is typed in README and docs starts without npm', () => {
  const pages = ['README.md', 'CONTRIBUTING.md'];
  for (const folder of ['docs', 'runs']) {
    const names = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
    pages.push(...names.filter((name) => name.endsWith('.md')).map((name) => path.join(folder, name)));
  }
  for (const page of pages) {
    const blocks = read(page).match(/^```.*?^```/gms) ?? [];
    for (const block of blocks) assert.doesNotMatch(block, /\bnpx wm\b/, page);
  }
});
