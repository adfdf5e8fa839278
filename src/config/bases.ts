import { Document } from 'yaml';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { schemaRoot } from './describe.ts';
import { formatExperiment, portableYaml } from './format.ts';
import { valueAt } from './key-path.ts';
import { type ConfigInput, fail, readSource } from './load.ts';
import { problemsOf, shown } from './problems.ts';
import { type Experiment, folderName, methodNames } from './schema.ts';
import type { ConfigSource } from './source.ts';
import type { Choice } from './sweep.ts';

/** The key of a cell that names the config which the sweep's own keys are laid over. */
export const CONFIG = 'config';

/** What engine a config without one is given; see `ConfigInput.defaultEngine`. */
const BY_DEFAULT = 'WM_ENGINE';

/** What a sweep of several configs rests on. */
export interface CellBases {
  /** The sweep's name. */
  name: string;
  /** For each cell its config, with what all cells share laid over it. */
  sources: ConfigSource[];
}

/**
 * What a config is called in a sweep: the folders and the file that it lies in, `dreamer-v3` of `configs/dreamer/v3.yaml`,
 * or of one that is written out its name.
 */
export function baseName(config: unknown): string {
  if (typeof config !== 'string') return String(valueAt(config, ['name']));
  return config
    .replace(/\.ya?ml$/, '')
    .split(/[\\/]/)
    .filter((part) => !['', '.', '..', 'configs'].includes(part))
    .join('-');
}

/**
 * The config of each cell, with what all cells share laid over it.
 *
 * @param source where the names of the configs stand
 * @param common what all cells share
 * @param choices of each cell, what names its config
 * @throws UserError where one cannot be read, or is a sweep itself, and where the sweep has no name or a method
 */
export function cellBases(
  source: ConfigSource,
  common: ConfigSource,
  choices: readonly Choice[],
  input: ConfigInput,
): CellBases {
  if (common.has(['method'])) {
    const { text } = common.keyPlace(['method']);
    throw new UserError(`${text}: method: the cells have configs, whose methods they are; leave it out`);
  }
  if (!common.has(['name'])) {
    throw new UserError(`${input.file}: name: missing; a sweep of several configs needs one for its folder`);
  }
  // Where a config says its engine, the variable is not to win over it.
  if (common.has(['engine']) && common.place(['engine']).text === BY_DEFAULT) common.remove('engine');
  const read = new Map<unknown, ConfigSource>();
  const sources = choices.map((choice) => {
    const base = read.get(choice.value) ?? readBase(source, choice, input);
    read.set(choice.value, base);
    const own = common.fork();
    own.layPresets([base], []);
    return own;
  });
  return { name: nameOf(common), sources };
}

/** The sweep's name; every cell has one of its own. @throws UserError where it names no folder. */
function nameOf(common: ConfigSource): string {
  const values = common.values();
  const parsed = z.object({ name: folderName }).safeParse(values);
  // Every method has the key.
  if (!parsed.success) fail(common, problemsOf(parsed.error, values, schemaRoot(methodNames[0]!)));
  return parsed.data.name;
}

function readBase(source: ConfigSource, { value, valuePath }: Choice, input: ConfigInput): ConfigSource {
  const { text: place } = source.place(valuePath);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return source.at(valuePath);
  if (typeof value !== 'string' || baseName(value) === '') {
    throw new UserError(`${place}: sweep: expected a config, such as dreamer/v3.yaml, got ${shown(value)}`);
  }
  const { readConfig, presetShelf, defaultEngine } = input;
  if (readConfig === undefined) {
    throw new UserError(`${place}: sweep: this sweep stands for itself, write the keys of ${value} out`);
  }
  const base = readSource({ ...found(value, readConfig, place), presetShelf, defaultEngine });
  if (base.has(['sweep'])) {
    throw new UserError(`${place}: sweep: ${value} is a sweep itself; name a config of one run`);
  }
  return base;
}

/** A config that a cell names. @throws UserError that says of which place it is. */
function found<T>(name: string, read: (name: string) => T, place: string): T {
  try {
    return read(name);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${place}: sweep: ${error.message}`, error.exitCode);
  }
}

/** A cell as an entry of the list `sweep`: its config written out and then, in their order, what else it sets. */
export function formatCell(settings: Record<string, unknown>, experiment: Experiment): string {
  const lines = Object.entries(settings).flatMap(([key, value]) => {
    if (key !== CONFIG) {
      const document = new Document({ [key]: value }, { ...portableYaml, aliasDuplicateObjects: false });
      return document.toString({ lineWidth: 0, collectionStyle: 'flow' }).replace(/^\{ | \}\n$/g, '');
    }
    const config = formatExperiment({ ...experiment, name: String(value) });
    return [
      `${CONFIG}:`,
      ...config
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    ];
  });
  return lines.map((line, index) => `${index === 0 ? '  - ' : '    '}${line}\n`).join('');
}
