import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  asUser,
  checkout,
  done,
  folderOfUser,
  forbidWriting,
  npm,
  root,
  runAsUser,
} from './clean-checkout.ts';

/**
 * Packs a clean checkout of the last commit, installs the tarball where nothing else is and trains with it:
 *
 *   npm run check:package
 *
 * The checkout is installed and built without any install script. The installed package stands in a folder with spaces
 * and letters beyond ASCII that may not be written to, and runs without HOME; for root, as another user who owns nothing.
 * It compiles the engine native where there is g++.
 * Needs git and a registry (or npm's cache). Each step prints a line; the first that fails ends with its output.
 */

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
  /^(package\.json|README\.md|LICENSE|bin\/wm\.js|bench\/\w+\.(py|txt)|configs\/[\w/-]+\.yaml|dist\/[\w/-]+\.(js|wasm)|dist\/engine\/native\/addon\/[\w-]+\.(cc|h)|dist\/pages\/[\w-]+\.html|dist\/schema\/\w+\.json|scripts\/(build|packages)\.js)$/;

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
const addon = 'engine/native/addon';
assert.deepEqual(
  files.filter((file) => /\.(cc|h)$/.test(file)).map((file) => path.relative(`dist/${addon}`, file)),
  readdirSync(path.join(checkout, 'src', addon)).sort(),
  "the package lacks some of the engine native's C++",
);
done(
  `the package has ${files.length} files, ${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked`,
);

// Without one, npm would look for a package.json further up; `npm init` would not take the folder's name for its own.
const place = path.join(root, 'an empty folder – größer, 世界');
mkdirSync(place);
writeFileSync(path.join(place, 'package.json'), '{ "private": true }\n');
npm(place, 'install', '--omit=optional', '--ignore-scripts', path.join(checkout, packed.filename));
done('the package is installed in an empty folder without install scripts or optional packages');

forbidWriting(place);
const work = folderOfUser('work');
writeFileSync(path.join(work, 'tiny.yaml'), tiny);
const wm = path.join(place, 'node_modules/.bin/wm');
const run = (...args: string[]) => runAsUser(work, wm, ...args);
assert.match(run('--version'), /^\d+\.\d+\.\d+\n$/);
assert.match(run('train', '--config', 'tiny.yaml'), /^dream-critic: final reward .* over 2 seeds/);
assert.match(run('eval', 'runs/tiny', '--episodes', '2'), /mean over 2 seeds/);
assert.match(run('compare', 'runs/tiny'), /Dream critic/);
assert.match(run('engines'), /wasm/);
assert.ok(existsSync(path.join(work, 'runs/tiny/seed-1/done.json')), 'the run is finished');
const info = path.join(work, 'runs/tiny/run.json');
assert.equal(statSync(info).uid, statSync(work).uid);
assert.equal(JSON.parse(readFileSync(info, 'utf8')).gitCommit, null, 'an installed package is no checkout');
done(
  `wm train, eval, compare and engines run from a read-only path with spaces and 世界, without HOME${asUser}`,
);

if (process.platform !== 'win32' && spawnSync('g++', ['--version']).status === 0) {
  const cached = (...args: string[]) =>
    runAsUser(work, 'env', `WM_CACHE=${path.join(work, 'cache')}`, wm, ...args);
  assert.match(cached('engines', 'build', 'native'), /^engine native is ready: /);
  assert.match(cached('engines'), /^. native +usable /m);
  done('the installed package compiles the engine native');
} else {
  done('skipped: there is no g++ here to compile the engine native');
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}
