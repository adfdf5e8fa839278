import assert from 'node:assert/strict';
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Packs a clean checkout of the last commit, installs the tarball where nothing else is and trains with it:
 *
 *   npm run check:package
 *
 * The checkout is installed and built without any install script. The installed package stands in a folder with spaces
 * and letters beyond ASCII that may not be written to, and runs without HOME; for root, as another user who owns nothing.
 * Needs git and a registry (or npm's cache). Each step prints a line; the first that fails ends with its output.
 */

const repository = fileURLToPath(new URL('../', import.meta.url));
const root = mkdtempSync(path.join(tmpdir(), 'wm-package-'));
// Another user has to get in.
chmodSync(root, 0o755);
const checkout = path.join(root, 'checkout');
const place = path.join(root, 'an empty folder – größer, 世界');
const work = path.join(root, 'work');
const NOBODY = 65534;

const tiny = `
method: vae-lstm
name: tiny
seeds: [0, 1]
steps: 60
engine: wasm
randomSteps: 20
evaluation: { episodes: 2 }
horizon: 2
imaginationStarts: 2
model: { latent: 3, hidden: [5], lstm: 6 }
replay: { batch: 2, length: 4 }
`;

/** What the package may hold; anything else is not needed to run it. */
const shipped =
  /^(package\.json|README\.md|LICENSE|bin\/wm\.js|bench\/\w+\.(py|txt)|configs\/[\w/-]+\.yaml|dist\/[\w/-]+\.(js|wasm)|scripts\/build\.js)$/;

const done = (line: string) => process.stdout.write(`${line}\n`);
const npm = (cwd: string, ...args: string[]) =>
  execFileSync('npm', [...args, '--no-fund', '--no-audit'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

try {
  execFileSync('git', ['clone', '--quiet', repository, checkout]);
  npm(checkout, 'ci', '--ignore-scripts');
  npm(checkout, 'run', 'build');
  done('npm ci --ignore-scripts and npm run build suffice');

  // npm's own files as JSON: `npm pack` prints nothing else with its scripts left out.
  const [packed] = JSON.parse(npm(checkout, 'pack', '--ignore-scripts', '--json'));
  const files: string[] = packed.files.map(({ path }: { path: string }) => path);
  assert.deepEqual(
    files.filter((file) => !shipped.test(file)),
    [],
    'the package holds what is not needed to run it',
  );
  done(
    `the package has ${files.length} files, ${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked`,
  );

  mkdirSync(place);
  // Without one, npm would look for a package.json further up; `npm init` would not take the folder's name for its own.
  writeFileSync(path.join(place, 'package.json'), '{ "private": true }\n');
  npm(place, 'install', '--omit=optional', '--ignore-scripts', path.join(checkout, packed.filename));
  done('the package is installed in an empty folder without install scripts or optional packages');

  mkdirSync(work);
  writeFileSync(path.join(work, 'tiny.yaml'), tiny);
  execFileSync('chmod', ['-R', 'a-w,a+rX', place]);
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (user.uid !== undefined) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, work]);
  const wm = path.join(place, 'node_modules/.bin/wm');
  const run = (...args: string[]) => {
    const env = { PATH: process.env.PATH };
    return succeeded(args, spawnSync(wm, args, { cwd: work, env, encoding: 'utf8', ...user }));
  };
  assert.match(run('--version'), /^\d+\.\d+\.\d+\n$/);
  assert.match(run('train', '--config', 'tiny.yaml'), /^dream-critic: final reward .* over 2 seeds/);
  assert.match(run('eval', 'runs/tiny', '--episodes', '2'), /mean over 2 seeds/);
  assert.match(run('compare', 'runs/tiny'), /Dream critic/);
  assert.match(run('engines'), /wasm/);
  assert.ok(existsSync(path.join(work, 'runs/tiny/seed-1/done.json')), 'the run is finished');
  const owner = statSync(path.join(work, 'runs/tiny/run.json')).uid;
  assert.equal(owner, user.uid ?? owner);
  const info = readFileSync(path.join(work, 'runs/tiny/run.json'), 'utf8');
  assert.equal(JSON.parse(info).gitCommit, null, 'an installed package is no checkout');
  const by = user.uid === undefined ? '' : ', as another user than root';
  done(
    `wm train, eval, compare and engines run from a read-only path with spaces and 世界, without HOME${by}`,
  );
} finally {
  if (existsSync(place)) execFileSync('chmod', ['-R', 'u+w', place]);
  rmSync(root, { recursive: true, force: true });
}

function succeeded(args: string[], { status, stdout, stderr, error }: SpawnSyncReturns<string>): string {
  assert.equal(status, 0, `wm ${args.join(' ')} ended with ${status ?? error}: ${stderr}`);
  return stdout;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}
