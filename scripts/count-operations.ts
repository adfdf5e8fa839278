import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { wm } from '../test/support/program.ts';
import { tinyDreamCritic } from '../test/support/tiny-run.ts';

/**
 * `node --import tsx scripts/count-operations.ts`: files and folders that one cell of a sweep leaves, and the metadata
 * operations on its folder, by strace: of one seed and of five, 400 and 800 steps, an evaluation every 100. What a longer
 * cell costs follows from the difference.
 */

const CALLS =
  'open,openat,creat,stat,lstat,newfstatat,statx,access,faccessat,faccessat2,rename,renameat,renameat2,link,linkat,' +
  'unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,getdents64,truncate,ftruncate,utimensat';

function count(seeds: number, steps: number) {
  const root = mkdtempSync(path.join(tmpdir(), 'wm-operations-'));
  const list = Array.from({ length: seeds }, (_, i) => i);
  const config = `${tinyDreamCritic}seeds: [${list}]\nsteps: ${steps}\nevaluation: {every: 100, episodes: 1}\nsweep: {horizon: [3, 4]}\n`;
  writeFileSync(path.join(root, 'cells.yaml'), config);
  const trace = path.join(root, 'trace');
  const runs = path.join(root, 'runs');
  const train = [
    'sweep',
    '--config',
    'cells.yaml',
    '--runs',
    runs,
    '--cell',
    '0',
    '--workers',
    '1',
    '--quiet',
  ];
  const { status, stderr, error } = spawnSync(
    'strace',
    ['-f', '-y', '-qq', '-o', trace, '-e', `trace=${CALLS}`, ...wm, ...train],
    { cwd: root, encoding: 'utf8' },
  );
  if (error || status !== 0) throw new Error(`strace: ${error?.message ?? stderr}`);
  const calls = readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes(runs) && !line.includes('resumed>'));
  const cell = path.join(runs, 'tiny/horizon=3');
  // Itself among them.
  const inodes = 1 + readdirSync(cell, { recursive: true }).length;
  rmSync(root, { recursive: true });
  return {
    ...{ seeds, steps, inodes, operations: calls.length },
    onLocks: calls.filter((line) => line.includes('.lock')).length,
    fsyncs: calls.filter((line) => /f(data)?sync\(/.test(line)).length,
  };
}

if (spawnSync('strace', ['-V']).error) process.stdout.write('skipped: strace is not installed\n');
else
  for (const seeds of [1, 5])
    for (const steps of [400, 800]) {
      process.stdout.write(`${JSON.stringify(count(seeds, steps))}\n`);
    }
