import { realpathSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { readBytes } from '../runs/atomic.ts';
import { isSystemError, onDisk } from '../runs/on-disk.ts';

/**
 * The bytes of a file in a folder; undefined where there is none, and where the path leads out of the folder, by `..`,
 * as an absolute one, or through a symbolic link.
 *
 * @param largest bytes that it may have at most
 * @throws UserError where it cannot be read, is no regular file, or is larger.
 */
export function readWithin(folder: string, path: string, largest: number): Uint8Array | undefined {
  const root = realPath(folder);
  // The folder's own name as it really is: what comes of the path has to begin with it.
  const file = root && realPath(join(root, path));
  if (root === undefined || file === undefined || !isWithin(root, file)) return undefined;
  return readBytes(file, largest);
}

function isWithin(root: string, file: string): boolean {
  const way = relative(root, file);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Where a path really leads; undefined where to nothing. */
function realPath(path: string): string | undefined {
  if (path.includes('\0')) return undefined;
  return onDisk(path, () => {
    try {
      return realpathSync(path);
    } catch (error) {
      if (isSystemError(error) && ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(error.code ?? '')) {
        return undefined;
      }
      throw error;
    }
  });
}
