import { closeSync, openSync, readSync } from 'node:fs';
import { type ConfigInput, loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import { LONGEST_CONFIG } from '../config/source.ts';
import { UserError } from '../errors.ts';
import { findShippedConfig, nearestShippedConfig } from './shipped-configs.ts';

/** The options of the command line that change a config. */
export interface ConfigOptions {
  config?: string;
  set: string[];
  seeds?: string;
  steps?: string;
  name?: string;
  engine?: string;
}

/** The config that a command names. */
export interface NamedConfig extends ConfigInput {
  /** Whether it is one of wm's own, found by its name. */
  shipped: boolean;
}

/** Reads and resolves the config that a command names. @throws UserError for whatever is wrong with it. */
export function readConfig(options: ConfigOptions): Experiment {
  return loadExperiment(configInput(options));
}

/** Reads the config that a command names, not yet resolved. @throws UserError where there is no such text. */
export function configInput({ config, set, seeds, steps, name, engine }: ConfigOptions): NamedConfig {
  if (config === undefined)
    throw new UserError(
      '--config: missing; give a YAML file or a name that wm configs lists, e.g. --config quick.yaml',
    );
  const flags = { seeds, steps, name, engine };
  const defaultEngine = process.env.WM_ENGINE || undefined;
  return { ...read(config), overrides: set, flags, defaultEngine };
}

/** Refuses words that stand by themselves, such as `lambda=0.2` without its `--set`. @throws UserError */
export function refuseWords(words: readonly string[]): void {
  const word = words[0];
  if (word === undefined) return;
  const option = /^[\w.]+=/.test(word) ? '--set' : '--config';
  throw new UserError(`${word} stands by itself; did you mean ${option} ${word}?`);
}

const WHY_NOT: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'leads through a file that is not a folder',
  EACCES: 'may not be read',
};

/** The file of that name or, where there is none, the config of wm's own. */
function read(name: string): Pick<NamedConfig, 'file' | 'text' | 'shipped'> {
  try {
    return { file: name, text: decode(name), shipped: false };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR') {
      const file = findShippedConfig(name);
      if (file !== undefined) return { file, text: decode(file), shipped: true };
    }
    const why = error instanceof TypeError ? 'is not UTF-8 text' : ((code && WHY_NOT[code]) ?? message);
    const near = code === 'ENOENT' ? nearestShippedConfig(name) : undefined;
    const advice =
      near === undefined ? 'give a YAML file or a name that' : `did you mean ${near}, one of those that`;
    throw new UserError(`${name}: ${why}; ${advice} wm configs lists${near === undefined ? '' : '?'}`);
  }
}

const decode = (file: string) => new TextDecoder('utf-8', { fatal: true }).decode(readStart(file));

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
