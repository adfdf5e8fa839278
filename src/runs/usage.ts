import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a folder takes of the disk. */
export interface Usage {
  /** Of all files in it and below. */
  bytes: number;
  /** When one of them was last written to, in milliseconds since 1970; 0 where there is none. */
  changed: number;
}

/** What a folder takes; a file or folder that cannot be looked at, or is deleted meanwhile, counts nothing. */
export function usageOf(dir: string): Usage {
  const usage: Usage = { bytes: 0, changed: 0 };
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return usage;
  }
  for (const entry of entries) {
    const path = join(dir, entry.name);
    const { bytes, changed } = entry.isDirectory() ? usageOf(path) : usageOfFile(path);
    usage.bytes += bytes;
    usage.changed = Math.max(usage.changed, changed);
  }
  return usage;
}

function usageOfFile(file: string): Usage {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  return stat?.isFile() ? { bytes: stat.size, changed: stat.mtimeMs } : { bytes: 0, changed: 0 };
}
