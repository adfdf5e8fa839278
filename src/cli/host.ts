import { execFileSync, type StdioOptions } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { HostInfo } from '../experiment/sitting.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Facts about this machine, this wm and this command. */
export function hostInfo(): Omit<HostInfo, 'gitCommit'> {
  return {
    wmVersion: JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version,
    node: process.version,
    host: hostname(),
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    command: ['wm', ...process.argv.slice(2)],
  };
}

/** The commit of wm's own source; null where it is not a git checkout. */
export function gitCommit(): string | null {
  // Installed as a package, wm may stand inside somebody else's repository.
  if (!existsSync(`${root}.git`)) return null;
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio }).trim();
  } catch {
    return null;
  }
}
