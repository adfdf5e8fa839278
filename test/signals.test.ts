import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { makeFolder } from '../src/runs/atomic.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { fakePrograms } from './support/fake-programs.ts';
import { launch, start, wm } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { events, tinyDreamCritic, waitFor } from './support/tiny-run.ts';

/** Signals, and a system that refuses what no retry mends. */

const windows = process.platform === 'win32' && 'there are no such signals and devices on Windows';

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('signals', { skip: windows }, () => {
  test('a random phase is saved and left on SIGUSR1, and not survived by a worker whose parent was killed', async () => {
    const cwd = temporaryFolder('signals');
    const yaml = `${tinyDreamCritic.replace('batch: 4', 'capacity: 100, batch: 4')}seeds: [0]\nsteps: 400000000\n`;
    writeFileSync(path.join(cwd, 'tiny.yaml'), yaml);
    const dir = path.join(cwd, 'runs/tiny');
    const length = ['--set', 'randomSteps=300000000', '--set', 'evaluation.every=400000000'];
    const train = () => start(cwd, 'train', '--config', 'tiny.yaml', ...length);
    const workers = () => events(dir).filter(({ kind }) => kind === 'worker');

    const first = train();
    await waitFor('training', () => existsSync(path.join(dir, 'seed-0')));
    first.child.kill('SIGUSR1');
    const { code, stderr } = await first.ended;
    assert.equal(code, 130, stderr);
    assert.doesNotMatch(stderr, /[Dd]ebugger/);
    const { step, update } = new SeedFolder(dir, 0).readCheckpoint()!.state;
    assert.ok(step > 0 && update === 0);

    const second = train();
    await waitFor('another worker', () => workers().length === 2);
    second.child.kill('SIGKILL');
    await second.ended;
    const { pid } = workers()[1]!;
    await waitFor('the end of the worker', () => !isRunning(pid));
  });

  test('building an engine ends with what it has started, and leaves nothing', async () => {
    const cwd = temporaryFolder('build');
    const cache = path.join(cwd, 'cache');
    const started = path.join(cwd, 'started');
    // A downloader that has a child of its own, as npm has.
    const programs = fakePrograms(cwd, { npm: `sleep 600 &\necho $! >'${started}'\nwait` });
    const env = { WM_CACHE: cache, PATH: `${programs}:${process.env.PATH}` };
    const { child, ended } = launch([...wm, 'engines', 'install', 'tensorflow'], { cwd, env });
    const content = () => (existsSync(started) ? readFileSync(started, 'utf8') : '');
    await waitFor('the downloader', () => content().endsWith('\n'));
    child.kill('SIGTERM');
    assert.equal((await ended).code, 143);
    await waitFor('the end of its child', () => !isRunning(Number(content())));
    assert.deepEqual(readdirSync(cache), []);
  });
});

describe('what the system refuses', { skip: windows }, () => {
  test('a folder that cannot be made is one sentence, at once', {
    skip: process.platform !== 'linux',
  }, () => {
    assert.throws(() => makeFolder('/proc/none/at/all'), {
      message: '/proc/none: no folder can be made there (ENOENT); choose another folder',
      exitCode: 2,
    });
    const cwd = temporaryFolder('gone');
    mkdirSync(path.join(cwd, 'gone'));
    const script = 'cd gone && rmdir ../gone && exec "$@"';
    const config = path.join(cwd, 'tiny.yaml');
    writeFileSync(config, `${tinyDreamCritic}seeds: [0]\nsteps: 80\n`);
    const command = [...wm, 'train', '--config', config];
    const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', ...command], { cwd, encoding: 'utf8' });
    assert.equal(
      stderr,
      'wm: runs/tiny: the working folder is gone; change into a folder that exists and run the same command again\n',
    );
    assert.equal(status, 2);
  });

  test('results that are not written are told; a reader that has gone is not', () => {
    const shell = (script: string) => spawnSync('sh', ['-c', script, 'sh', ...wm], { encoding: 'utf8' });
    const full = shell('"$@" engines --json >/dev/full');
    assert.match(
      full.stderr,
      /^wm: the results could not be written to standard output: the disk is full; .+\n$/,
    );
    assert.equal(full.status, 1);
    assert.equal(shell('"$@" --help 2>&1 >/dev/full; test $? = 1').status, 0);
    const gone = shell('{ "$@" train --help-config; echo $? >&2; } | true');
    assert.equal(gone.stderr, '0\n');
  });
});
