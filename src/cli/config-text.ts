import { closeSync, openSync, readSync } from 'node:fs';
import { LONGEST_CONFIG } from '../config/source.ts';

const WHY_NOT: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'leads through a file that is not a folder',
  EACCES: 'may not be read',
};

/** The text of a config or preset. @throws what `whyUnread` puts into words. */
export function readConfigText(file: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(readStart(file));
}

/** Why a file could not be read as a config. */
export function whyUnread(error: unknown): string {
  if (error instanceof TypeError) return 'is not UTF-8 text';
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && WHY_NOT[code]) ?? message;
}

/** The first bytes of a file, a pipe or a device that may have no end: more than a config may hold of any text. */
function readStart(file: string): Uint8Array {
  const bytes = Buffer.alloc(4 * LONGEST_CONFIG + 4);
  const handle = openSync(file, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(handle, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(handle);
  }
}
