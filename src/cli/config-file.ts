import { type ConfigInput, loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { readConfigText, whyUnread } from './config-text.ts';
import { presetShelf } from './preset-shelf.ts';
import { findShippedConfig, nearestShippedConfig, presetNamed } from './shipped-configs.ts';

/** The options of the command line that change a config. */
export interface ConfigOptions {
  config?: string;
  set: string[];
  preset?: string[];
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
export function configInput(options: ConfigOptions): NamedConfig {
  const { config, set, preset, seeds, steps, name, engine } = options;
  if (config === undefined)
    throw new UserError(
      '--config: missing; give a YAML file or a name that wm configs lists, e.g. --config quick.yaml',
    );
  const flags = { seeds, steps, name, engine };
  const defaultEngine = process.env.WM_ENGINE || undefined;
  const found = read(config);
  const given = { overrides: set, presets: preset, flags, defaultEngine };
  return { ...found, presetShelf: presetShelf(found.file), readConfig: read, ...given };
}

/** Refuses words that stand by themselves, such as `lambda=0.2` without its `--set`. @throws UserError */
export function refuseWords(words: readonly string[]): void {
  const word = words[0];
  if (word === undefined) return;
  const option = /^[\w.]+=/.test(word) ? '--set' : '--config';
  throw new UserError(`${word} stands by itself; did you mean ${option} ${word}?`);
}

/** The file of that name or, where there is none, the config of wm's own. */
function read(name: string): Pick<NamedConfig, 'file' | 'text' | 'shipped'> {
  try {
    return { file: name, text: readConfigText(name), shipped: false };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR') {
      const file = findShippedConfig(name);
      if (file !== undefined) return { file, text: readConfigText(file), shipped: true };
      const preset = presetNamed(name);
      if (preset !== undefined) {
        throw new UserError(
          `${name} is a preset, which is laid over a config; give a config and --preset ${preset}`,
        );
      }
    }
    const near = code === 'ENOENT' ? nearestShippedConfig(name) : undefined;
    const advice =
      near === undefined ? 'give a YAML file or a name that' : `did you mean ${near}, one of those that`;
    throw new UserError(
      `${name}: ${whyUnread(error)}; ${advice} wm configs lists${near === undefined ? '' : '?'}`,
    );
  }
}
