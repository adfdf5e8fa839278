import { homedir } from 'node:os';
import path from 'node:path';
import { EngineError } from './engine-error.ts';
import type { EngineName } from './names.ts';

/**
 * Where wm keeps what it installs on demand: $WM_CACHE, else `wm` under $XDG_CACHE_HOME, else under ~/.cache.
 *
 * @param engine the one that is looked for
 * @throws EngineError where none of them is known
 */
export function cacheFolder(engine: EngineName): string {
  const { WM_CACHE, XDG_CACHE_HOME } = process.env;
  return path.resolve(WM_CACHE || path.join(XDG_CACHE_HOME || path.join(home(engine), '.cache'), 'wm'));
}

/** $HOME, else what the system knows of this user: nothing, where a container is given a number for one. */
function home(engine: EngineName): string {
  try {
    return homedir();
  } catch {
    throw new EngineError(
      engine,
      'there is no place for it, as HOME is not set and this user has no home folder; set WM_CACHE to a folder that can be written',
    );
  }
}

/** The file in the folder of what is installed that says what it is, written when all else is there. */
export const RECORD_FILE = 'installation.json';
