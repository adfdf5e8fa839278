import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes in which a header, and the last row, are looked for. */
const ENOUGH = 2 ** 16;
/** Neither follow a link out of the run folder nor wait for the other end of a pipe; Windows has no such flags. */
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/** The environment step of the last row that a seed has written: less than its training has come to; 0 before the first. */
export function stepReached(seedDir: string): number {
  return Math.max(...['metrics.csv', 'losses.csv'].map((name) => lastStep(join(seedDir, name))));
}

/** The last whole row's `env_step`, of which only the file's beginning and end are read; 0 where there is none. */
function lastStep(file: string): number {
  let handle: number;
  try {
    handle = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return 0;
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) return 0;
    const piece = (from: number) => {
      const buffer = Buffer.alloc(Math.min(ENOUGH, stat.size - from));
      return buffer.toString('utf8', 0, readSync(handle, buffer, 0, buffer.length, from));
    };
    const column = piece(0).split('\n', 1)[0]!.split(',').indexOf('env_step');
    // What stands behind the last newline is being written; what stands before the first may have begun earlier.
    const [, ...rows] = piece(Math.max(0, stat.size - ENOUGH))
      .split('\n')
      .slice(0, -1);
    return Number(rows.at(-1)?.split(',')[column]) || 0;
  } finally {
    closeSync(handle);
  }
}
