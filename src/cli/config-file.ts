import { closeSync, openSync, readSync } from 'node:fs';
import { type ConfigInput, loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import { LONGEST_CONFIG } from '../config/source.ts';
import { UserError } from '../errors.ts';

/** The options of the command line that change a config. */
export interface ConfigOptions {
  config?: string;
  set: string[];
  seeds?: string;
  steps?: string;
  name?: string;
  engine?: string;
}

/** Reads and resolves the config that a command names. @throws UserError for whatever is wrong with it. */
export function readConfig(options: ConfigOptions): Experiment {
  return loadExperiment(configInput(options));
}

/** Reads the config that a command names, not yet resolved. @throws UserError where there is no such text. */
export function configInput({ config: file, set, seeds, steps, name, engine }: ConfigOptions): ConfigInput {
  if (file === undefined)
    throw new UserError('--config: missing; give a YAML file, e.g. --config configs/quick.yaml');
  const flags = { seeds, steps, name, engine };
  const defaultEngine = process.env.WM_ENGINE || undefined;
  return { file, text: read(file), overrides: set, flags, defaultEngine };
}

const WHY_NOT: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'leads through a file that is not a folder',
  EACCES: 'may not be read',
};

function read(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readStart(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = error instanceof TypeError ? 'is not UTF-8 text' : ((code && WHY_NOT[code]) ?? message);
    throw new UserError(`${file}: ${why}; give a YAML file, e.g. --config configs/quick.yaml`);
  }
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
