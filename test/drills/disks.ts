import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { RandomStream } from '../../src/random/stream.ts';
import type { Ended } from '../support/program.ts';
import type { Drill } from './drill.ts';
import { Ground, tiny } from './ground.ts';

/** Faults of the disk and of the folder: full, too large a file, read-only, deleted. */

const isRoot = process.getuid?.() === 0;
const run = (...[program, ...args]: string[]) => spawnSync(program!, args).status === 0;

/** The message of a run that failed must name its cause. */
function expectCause(ground: Ground, { code, stderr }: Ended, cause: RegExp): void {
  if (code !== 0 && !cause.test(stderr)) ground.complain(`the cause is not named: ${stderr.slice(-600)}`);
}

let canMount: boolean | undefined;
function mountable(): boolean {
  if (canMount === undefined) {
    const { cwd } = new Ground(tiny);
    canMount = isRoot && run('mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', cwd) && run('umount', cwd);
    rmSync(cwd, { recursive: true, force: true });
  }
  return canMount;
}

const unmountable = () => (mountable() ? undefined : 'a small tmpfs cannot be mounted (not root)');

/**
 * Has a fault happen on a file system of its own, under the folder of runs, which is then mended, and the run finished.
 *
 * @param options of the file system, and those that mend it, as `mount` takes them
 * @param fault starts the run, and checks how it ended
 */
async function onOwnFileSystem(
  ground: Ground,
  options: string,
  mended: string,
  fault: (runs: string) => Promise<Ended>,
): ReturnType<Drill['run']> {
  const runs = path.dirname(ground.dir);
  mkdirSync(runs);
  run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', runs);
  try {
    const ended = await fault(runs);
    run('mount', '-o', `remount,${mended}`, runs);
    await ground.finish();
    return { ground, tried: Number(ended.code !== 0) };
  } finally {
    run('umount', '-l', runs);
  }
}

/** A file system of random size that fills up, and is then made larger. */
export const diskFull: Drill = {
  kind: 'disk full',
  weight: 2,
  unavailable: unmountable,
  async run(model, random) {
    const ground = new Ground(model);
    const pages = 4 + random.integer(26);
    return onOwnFileSystem(ground, `size=${pages * 4}k`, 'size=16m', async () => {
      const ended = await ground.start().ended;
      ground.check(ended, [0, 1]);
      expectCause(ground, ended, /the disk is full; free some space and run the same command again/);
      return ended;
    });
  },
};

/** A limit on the size of files, as batch systems set it. */
export const fileLimit: Drill = {
  kind: 'limit on file sizes',
  weight: 2,
  unavailable: () => (process.platform === 'win32' ? 'ulimit is not there on Windows' : undefined),
  async run(model, random) {
    const ground = new Ground(model);
    const wrap = (command: string[]) => [
      'bash',
      '-c',
      `ulimit -f ${1 + random.integer(20)}; exec "$@"`,
      'bash',
      ...command,
    ];
    const ended = await ground.start({ wrap }).ended;
    ground.check(ended, [0, 1]);
    expectCause(ground, ended, /the file would grow beyond the limit on file sizes/);
    await ground.finish();
    return { ground, tried: Number(ended.code !== 0) };
  },
};

/** Permissions bind root too once it has given up the capability to override them. */
const bound = (command: string[]) =>
  isRoot ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', ...command] : command;

/** Write permission is taken from the folder of runs, of the run or of a seed: before it starts, or while it runs. */
export const readOnly: Drill = {
  kind: 'read-only folder',
  weight: 2,
  unavailable: () => {
    if (process.platform === 'win32') return 'permissions are others on Windows';
    return run(...bound(['true'])) ? undefined : 'root cannot give up its privileges (no setpriv)';
  },
  async run(model, random) {
    const ground = new Ground(model);
    const options = { wrap: bound };
    const before = random.uniform() < 0.3;
    let ended: Ended;
    let folder: string;
    if (before) {
      folder = path.dirname(ground.dir);
      mkdirSync(folder);
      chmodSync(folder, 0o555);
      ended = await ground.start(options).ended;
      if (readdirSync(folder).length > 0) ground.complain('something was written');
      ground.check(ended, [2]);
    } else {
      const going = ground.start(options);
      await ground.instant(random, going.ended);
      const folders = [ground.dir, path.join(ground.dir, 'seed-0'), path.join(ground.dir, 'seed-1')];
      const there = folders.filter((each) => existsSync(each));
      folder = there[random.integer(Math.max(1, there.length))] ?? ground.cwd;
      chmodSync(folder, 0o555);
      ended = await going.ended;
      ground.check(ended, [0, 1, 2]);
    }
    expectCause(ground, ended, /permission denied; change its permissions or choose another folder/);
    chmodSync(folder, 0o755);
    await ground.finish(options);
    return { ground, tried: Number(ended.code !== 0) };
  },
};

/** The file system is read-only before the run starts, or becomes so while it runs. */
export const readOnlySystem: Drill = {
  kind: 'read-only file system',
  weight: 2,
  unavailable: unmountable,
  async run(model, random) {
    const ground = new Ground(model);
    const before = random.uniform() < 0.3;
    return onOwnFileSystem(ground, `size=16m,${before ? 'ro' : 'rw'}`, 'rw', async (runs) => {
      const { ended: going } = ground.start();
      if (!before && (await ground.instant(random, going))) {
        // Refused while a file is being written.
        for (let tries = 0; tries < 200 && !run('mount', '-o', 'remount,ro', runs); tries++) {
          await setTimeout(1);
        }
      }
      const ended = await going;
      ground.check(ended, before ? [2] : [0, 1, 2]);
      expectCause(ground, ended, /the file system is read-only; choose a writable folder \(EROFS\)/);
      return ended;
    });
  },
};

/** The run is started in a folder that was deleted, and perhaps made anew. */
export const workingFolderGone: Drill = {
  kind: 'working folder deleted',
  weight: 1,
  unavailable: () => (process.platform === 'win32' ? 'it cannot be deleted on Windows' : undefined),
  async run(model, random) {
    const ground = new Ground(model);
    const again = random.uniform() < 0.5 ? '&& mkdir ../gone' : '';
    const script = `mkdir gone && cd gone && rmdir ../gone ${again}; exec "$@"`;
    const ended = await ground.start({ wrap: (command) => ['sh', '-c', script, 'sh', ...command] }).ended;
    ground.check(ended, [2]);
    expectCause(ground, ended, /the working folder is gone; change into a folder that exists/);
    await ground.finish();
    return { ground, tried: 1 };
  },
};

/** The disk is full behind the `>` of results or messages: the run is whole nevertheless, and says that they are lost. */
export const outputFull: Drill = {
  kind: 'full disk behind the output',
  weight: 1,
  unavailable: () => (existsSync('/dev/full') ? undefined : 'there is no /dev/full'),
  async run(model, random) {
    const ground = new Ground(model);
    const [script, cause] = [
      [
        'exec "$@" >/dev/full',
        /the results could not be written to standard output: the disk is full/,
      ] as const,
      ['exec "$@" 2>/dev/full', /^$/] as const,
    ][random.integer(2)]!;
    const ended = await ground.start({ wrap: (command) => ['sh', '-c', script, 'sh', ...command] }).ended;
    ground.check(ended, [1]);
    expectCause(ground, ended, cause);
    await ground.finish();
    return { ground, tried: 1 };
  },
};

/** The run's folder is deleted or moved away while it runs. */
export const deleted: Drill = {
  kind: 'folder deleted',
  weight: 2,
  async run(model, random) {
    const ground = new Ground(model);
    const { ended } = ground.start();
    await ground.instant(random, ended);
    const landed = existsSync(ground.dir) && (await remove(ground.dir, random));
    const end = await ended;
    ground.check(end, landed ? [0, 1] : [0]);
    expectCause(ground, end, /was deleted, replaced or unlocked while|its folder has disappeared/);
    if (landed && existsSync(ground.dir)) ground.complain(`it came back: ${readdirSync(ground.dir)}`);
    await ground.finish();
    return { ground, tried: Number(landed && end.code === 1) };
  },
};

/** Deletes a folder into which others write; false where that did not succeed. */
async function remove(dir: string, random: RandomStream): Promise<boolean> {
  if (random.uniform() < 0.5) renameSync(dir, `${dir}-moved`);
  for (let tries = 0; existsSync(dir) && tries < 50; tries++) {
    try {
      rmSync(dir, { recursive: true, force: true });
    } catch {
      await setTimeout(1);
    }
  }
  return !existsSync(dir);
}
