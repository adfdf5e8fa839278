import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, hostname } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { coresOf, jobOf } from '../cluster/job.ts';
import type { HostInfo } from '../experiment/sitting.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Facts about this machine, this wm and this command. */
export function hostInfo(): Omit<HostInfo, 'gitCommit' | 'gitChanges'> {
  const job = jobOf(process.env);
  return {
    wmVersion: JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version,
    node: process.version,
    host: hostname(),
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: coresOf(process.env, availableParallelism()),
    ...(job && { job }),
    command: ['wm', ...process.argv.slice(2)],
  };
}

/** What of wm's checkout can change what it computes. */
const SOURCE = ['src', 'bin', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/**
 * The commit of wm's own source, and a SHA-256 of what the source has beyond it: changes and files that are in no
 * commit. Null where there is nothing, and both where wm is not a git checkout.
 */
export function sourceVersion(): Pick<HostInfo, 'gitCommit' | 'gitChanges'> {
  // Installed as a package, wm may stand inside somebody else's repository.
  if (!existsSync(`${root}.git`)) return { gitCommit: null, gitChanges: null };
  try {
    const commit = git('rev-parse', 'HEAD').toString().trim();
    const changed = git('diff', '--no-ext-diff', '--no-textconv', '--binary', 'HEAD', '--', ...SOURCE);
    const added = git('ls-files', '--others', '--exclude-standard', '-z', '--', ...SOURCE);
    if (changed.length + added.length === 0) return { gitCommit: commit, gitChanges: null };
    const hash = createHash('sha256').update(changed);
    for (const file of added
      .toString()
      .split('\0')
      .filter((name) => name !== '')) {
      hash.update(`\0${file}\0`).update(readFileSync(path.join(root, file)));
    }
    return { gitCommit: commit, gitChanges: hash.digest('hex') };
  } catch {
    return { gitCommit: null, gitChanges: null };
  }
}

/** Signals that a git may be ended by before it is given up. */
const SIGNALS = 5;

/** What git says in wm's checkout. @throws Error where it refuses, or is not installed. */
function git(...args: string[]): Buffer {
  // A hook of another repository names that one in the environment. Nothing is written, no lock taken.
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, ...env } = process.env;
  for (let ended = 0; ; ended++) {
    try {
      return execFileSync('git', args, {
        cwd: root,
        env: { ...env, GIT_OPTIONAL_LOCKS: '0' },
        stdio: ['ignore', 'pipe', 'ignore'],
        maxBuffer: 2 ** 28,
      });
    } catch (error) {
      // Ctrl-C and its like reach the whole process group: wm saves and stops, git does not know that.
      if (!(error as { signal?: string }).signal || ended === SIGNALS) throw error;
    }
  }
}
