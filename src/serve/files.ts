import { join } from 'node:path';
import { readBytes } from '../runs/atomic.ts';
import { realWithin } from '../runs/within.ts';

/**
 * The bytes of a file in a folder; undefined where there is none, and where the path leads out of the folder, by `..`,
 * as an absolute one, or through a symbolic link.
 *
 * @param largest bytes that it may have at most
 * @throws UserError where it cannot be read, is no regular file, or is larger.
 */
export function readWithin(folder: string, path: string, largest: number): Uint8Array | undefined {
  const file = realWithin(folder, join(folder, path));
  if (file === undefined) return undefined;
  return readBytes(file, largest);
}
