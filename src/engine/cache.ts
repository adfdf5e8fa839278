import { homedir } from 'node:os';
import path from 'node:path';

/** Where wm keeps what it installs on demand: $WM_CACHE, else `wm` under $XDG_CACHE_HOME, else under ~/.cache. */
export function cacheFolder(): string {
  const { WM_CACHE, XDG_CACHE_HOME } = process.env;
  return path.resolve(WM_CACHE || path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'wm'));
}

/** The file in the folder of what is installed that says what it is, written when all else is there. */
export const RECORD_FILE = 'installation.json';
