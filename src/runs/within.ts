import { realpathSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import { isSystemError, onDisk } from './on-disk.ts';

/**
 * Where a path really leads if that is in a folder; undefined where to nothing, and where it leads out of the folder, by
 * `..`, as an absolute one, or through a symbolic link.
 */
export function realWithin(folder: string, path: string): string | undefined {
  const file = realPath(path);
  return file !== undefined && isWithin(folder, file) ? file : undefined;
}

/** Whether there is something at a path, and it is not in a folder. */
export function leadsOut(folder: string, path: string): boolean {
  const file = realPath(path);
  return file !== undefined && !isWithin(folder, file);
}

/** @param file where it really is */
function isWithin(folder: string, file: string): boolean {
  // The folder's own name as it really is: what comes of the path has to begin with it.
  const root = realPath(folder);
  if (root === undefined) return false;
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
