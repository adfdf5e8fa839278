import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { temporaryFolder } from './support/temporary-folder.ts';

test('the source is recorded with what it has beyond its commit', async () => {
  const root = temporaryFolder('host');
  const write = (name: string, text: string) => writeFileSync(join(root, name), text);
  for (const dir of ['src', 'dist/cli', 'dist/cluster']) mkdirSync(join(root, dir), { recursive: true });
  write('package.json', '{"version": "0.0.1", "type": "module"}');
  write('src/errors.ts', 'one');
  write('.gitignore', 'dist/\n');
  // The compiled module takes the folder two above its own for wm's checkout.
  const host = join(root, 'dist/cli/host.js');
  for (const file of ['dist/cli/host.js', 'dist/cluster/job.js']) {
    cpSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), join(root, file));
  }
  const { hostInfo, sourceVersion }: typeof import('../src/cli/host.ts') = await import(
    pathToFileURL(host).href
  );
  assert.deepEqual(sourceVersion(), { gitCommit: null, gitChanges: null }, 'no checkout');
  assert.equal(hostInfo().wmVersion, '0.0.1');

  const git = (...args: string[]) => {
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
    const { status, stdout, stderr } = spawnSync('git', [...who, ...args], { cwd: root, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'first');
  const commit = git('rev-parse', 'HEAD');
  write('notes.txt', 'what computes nothing is no change');
  assert.deepEqual(sourceVersion(), { gitCommit: commit, gitChanges: null });

  const changes = () => {
    const { gitCommit, gitChanges } = sourceVersion();
    assert.equal(gitCommit, commit);
    assert.match(gitChanges!, /^[0-9a-f]{64}$/);
    return gitChanges;
  };
  write('src/errors.ts', 'two');
  const changed = changes();
  assert.equal(changes(), changed, 'the same change has the same hash');
  git('add', '.');
  assert.equal(changes(), changed, 'staged or not');
  write('src/new.ts', 'in no commit');
  const added = changes();
  write('src/new.ts', 'in no commit either');
  assert.equal(new Set([changed, added, changes()]).size, 3);
  rmSync(join(root, 'src/new.ts'));
  write('src/errors.ts', 'one');
  assert.equal(sourceVersion().gitChanges, null);

  // Ctrl-C reaches a git that runs meanwhile: it is asked again.
  const path = process.env.PATH!;
  const real = spawnSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).stdout.trim();
  const ended = `${root}/ended`;
  mkdirSync(join(root, 'bin'));
  writeFileSync(
    join(root, 'bin/git'),
    `#!/bin/sh\n[ -e ${ended} ] || { : > ${ended}; kill -TERM $$; }\nexec ${real} "$@"\n`,
    { mode: 0o755 },
  );
  process.env.PATH = `${join(root, 'bin')}:${path}`;
  try {
    assert.equal(sourceVersion().gitCommit, commit);
    assert.ok(existsSync(ended), 'the git that a signal ends was asked');
  } finally {
    process.env.PATH = path;
  }
});
