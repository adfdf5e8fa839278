import { realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { UserError } from '../errors.ts';

/** What the operating system refuses, in sentences for people, by code. */
export const REASONS: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space and run the same command again',
  EDQUOT: 'your disk quota is used up; free some space and run the same command again',
  EROFS: 'the file system is read-only; choose a writable folder',
  EACCES: 'permission denied; change its permissions or choose another folder',
  EPERM: 'permission denied; change its permissions or choose another folder',
  ENOTDIR: 'a part of this path is a file, not a folder; move that file or choose another folder',
  EEXIST: 'a file stands where a folder is needed; move it or choose another folder',
  EISDIR: 'a folder stands where a file is needed; move it away',
  ERR_FS_EISDIR: 'a folder stands where a file is needed; move it away',
  ENOENT: 'its folder has disappeared; run the same command again',
  ENAMETOOLONG: 'the path is too long; choose a shorter one',
  EFBIG:
    'the file would grow beyond the limit on file sizes; raise it with ulimit -f and run the same command again',
  ELOOP: 'a symbolic link stands where a file of the run is needed; put the file itself there',
  EMFILE: 'too many files are open; raise the limit with ulimit -n',
};

/** The user named a path that cannot be used. */
const PATH_AT_FAULT = new Set([
  ...['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ERR_FS_EISDIR', 'ENAMETOOLONG', 'ELOOP'],
]);

/** Whether an error comes from the operating system; with `code`, whether it is this one. */
export function isSystemError(error: unknown, code?: string): error is NodeJS.ErrnoException {
  const known = error instanceof Error && 'syscall' in error && 'code' in error;
  return known && (code === undefined || error.code === code);
}

/**
 * Runs `action`, which reads or writes `path`.
 *
 * @throws UserError when the operating system refuses: exit code 2 where the path is at fault (no permission, a file in
 *   the way, …), else 1 (disk full, …). Any other error is a bug and passes through.
 */
export function onDisk<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const code = error.code ?? 'unknown';
    if (code === 'ENOENT' && !isAbsolute(path) && workingFolderIsGone()) {
      throw new UserError(
        `${path}: the working folder is gone; change into a folder that exists and run the same command again`,
      );
    }
    throw new UserError(`${path}: ${whyRefused(error)}`, PATH_AT_FAULT.has(code) ? 2 : 1);
  }
}

/** Why the operating system refuses to read or write, and what to do about it. */
export function whyRefused({ code = 'unknown' }: NodeJS.ErrnoException): string {
  const reason =
    REASONS[code] ?? 'the system refused to read or write it; check the disk and run the same command again';
  return `${reason} (${code})`;
}

/** Whether the folder that this process works in was deleted. */
export function workingFolderIsGone(): boolean {
  try {
    // Neither `process.cwd()`, which remembers, nor a look at `.`, which is there as long as somebody works in it.
    realpathSync.native('.');
    return false;
  } catch (error) {
    return isSystemError(error, 'ENOENT');
  }
}
