import { createHash } from 'node:crypto';
import { Document, isCollection, isPair, type Node, Scalar } from 'yaml';
import { UserError } from '../errors.ts';
import { baseName, CONFIG, cellBases, formatCell } from './bases.ts';
import { formatExperiment, portableYaml } from './format.ts';
import { type KeyPath, valueAt } from './key-path.ts';
import { type ConfigInput, readSource, validate } from './load.ts';
import { shown } from './problems.ts';
import { type Experiment, LONGEST_NAME } from './schema.ts';
import { type ConfigSource, LONGEST_CONFIG } from './source.ts';

/** Swept keys, dotted, with the values that a cell gives them; `config` with the name of the cell's own config. */
export type CellSettings = Record<string, unknown>;

/** Every key that some of the cells set, in the order in which they first come. */
export const keysOfCells = (settings: readonly CellSettings[]): string[] => [
  ...new Set(settings.flatMap((cell) => Object.keys(cell))),
];

/** One experiment of a sweep. */
export interface Cell {
  settings: CellSettings;
  /** Named by the settings, e.g. `lambda=0.1,horizon=5`. */
  experiment: Experiment;
}

/** Experiments that differ in a few keys, or in the config that each is of: a config with one key more, `sweep`. */
export interface Sweep {
  name: string;
  /** The config without the sweep; null where every cell has one of its own. */
  base: Experiment | null;
  /** In the file's order; of a grid, the first key changes slowest. */
  cells: Cell[];
  /** The whole as YAML, every key present. Reading it gives the same sweep. */
  text: string;
}

/** Cells of one sweep: beyond it there is a mistake in the grid rather than a plan. */
export const MOST_CELLS = 1000;
/** Characters that the configs of all cells have together, each without the sweep and with the values of its own. */
const MOST_TEXT = 2 ** 23;
/** Characters that stand for the settings in a name that would be too long. */
const READABLE = 80;

const EXPECTED = 'lists of values by key, such as {lambda: [0.1, 1]}, or a list of cells';

/** A value of a cell, and where it stands in the config. */
export interface Choice {
  key: string;
  value: unknown;
  valuePath: KeyPath;
  keyPath: KeyPath;
  /** Characters of the value. */
  length: number;
}

/**
 * Reads a sweep: a config whose key `sweep` holds a grid, `{lambda: [0.1, 1], beta.to: [0.1, 1]}`, every combination of
 * which is a cell, or a list of cells, `[{lambda: 0}, {critic.shapesModel: false}]`. Where cells have the key `config`,
 * each is that config with the rest of the file laid over it, which then has no method.
 *
 * @throws UserError naming the first mistake by position and cell, e.g.
 *   `configs/sweeps/lambda.yaml:4:12: lambda: expected a number >= 0, got -1 (cell lambda=-1)`
 */
export function loadSweep(input: ConfigInput): Sweep {
  return resolveSweep(readSource(input), input);
}

/** The sweep that a source says, which stays as it is. @param input what the source was read from */
export function resolveSweep(source: ConfigSource, input: ConfigInput): Sweep {
  const { file } = input;
  if (!source.has(['sweep'])) {
    throw new UserError(
      `${file}: sweep: missing, expected ${EXPECTED}; a single config is trained by wm train`,
    );
  }
  const common = source.fork();
  common.remove('sweep');
  const choices = plannedCells(source);
  const bases = choices.flat().some(({ key }) => key === CONFIG)
    ? cellBases(source, common, choices.map(baseChoice(source)), input)
    : null;
  const base = bases === null ? validate(common) : null;
  const baseText = base === null ? '' : formatExperiment(base);
  const lengths = choices.map((cell) => cell.reduce((sum, { length }) => sum + length, baseText.length));
  if (lengths.reduce((sum, length) => sum + length, 0) > MOST_TEXT) {
    throw new UserError(
      `${file}: ${choices.length} cells of so long a config are too many, shorten it or sweep fewer values at once`,
    );
  }
  refuseUselessFlags(source, choices);
  const cells = choices.map((cell, index) => resolveCell(bases?.sources[index] ?? common, source, cell));
  refuseTwins(source, choices, cells);
  const text = base === null ? formatCells(bases!.name, cells) : baseText + formatDefinition(source.values());
  if (text.length > LONGEST_CONFIG) {
    throw new UserError(
      `${file}: with every key written out this sweep has ${text.length} characters, shorten it to ${LONGEST_CONFIG}`,
    );
  }
  return { name: base?.name ?? bases!.name, base, cells, text };
}

/** The choice of a cell that names its config. @throws UserError where the cell has none, though others have. */
const baseChoice =
  (source: ConfigSource) =>
  (cell: readonly Choice[], index: number): Choice => {
    const choice = cell.find(({ key }) => key === CONFIG);
    if (choice) return choice;
    const { text } = source.place(['sweep', index]);
    throw new UserError(`${text}: sweep: this cell has no config, and others have: give each one, or none`);
  };

/**
 * `lambda=0.1,horizon=5`, of a config of its own `dreamer-v3,horizon=5`: letters, digits and `.-_=,` only, which every
 * file system takes. What would be too long for a folder ends with a hash of the settings,
 * `lambda=0.1,horizon=5,etc-3f9a0c2b1d4e`.
 */
export function cellName(settings: CellSettings): string {
  const whole = Object.entries(settings)
    .map(([key, value]) => {
      const said = plain(typeof value === 'string' ? value : JSON.stringify(value));
      return key === CONFIG ? said : `${plain(key)}=${said}`;
    })
    .join(',');
  if (whole.length <= LONGEST_NAME) return whole;
  const start = whole.slice(0, READABLE);
  const comma = start.lastIndexOf(',');
  const hash = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 12);
  return `${comma > 0 ? start.slice(0, comma) : start},etc-${hash}`;
}

function plain(text: string): string {
  return text.replaceAll(/["{}[\]+]/g, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}

/** What each cell sets. @throws UserError where the key `sweep` holds no cells. */
export function plannedCells(source: ConfigSource): Choice[][] {
  const sweep = valueAt(source.values(), ['sweep']);
  const complain = (path: KeyPath, says: string): never => {
    throw new UserError(`${source.place(path).text}: sweep: ${says}`);
  };
  if (typeof sweep !== 'object' || sweep === null || Object.keys(sweep).length === 0) {
    return complain(['sweep'], `expected ${EXPECTED}, got ${shown(sweep)}`);
  }
  const cells = Array.isArray(sweep) ? listedCells(sweep, complain) : gridCells(sweep, complain);
  const choices = cells.flat();
  const named = choices.find(({ key }) => key === 'name');
  if (named) complain(named.keyPath, 'name cannot be swept, every cell is named by its values');
  const preset = choices.find(({ key }) => key === 'preset');
  if (preset) complain(preset.keyPath, 'preset cannot be swept, sweep the keys that presets set');
  // sweep.yaml holds every key of the config's own method.
  const method = choices.find(({ key }) => key === 'method');
  if (method)
    complain(method.keyPath, 'method cannot be swept, train each by itself; arms are switches to sweep');
  return cells;
}

type Complain = (path: KeyPath, says: string) => never;

function listedCells(list: readonly unknown[], complain: Complain): Choice[][] {
  if (list.length > MOST_CELLS) complain(['sweep'], tooMany(list.length));
  return list.map((cell, index) => {
    const path = ['sweep', index];
    if (typeof cell !== 'object' || cell === null || Array.isArray(cell) || Object.keys(cell).length === 0) {
      return complain(path, `expected a cell, such as {lambda: 0.1}, got ${shown(cell)}`);
    }
    return Object.entries(cell).map(([key, value]) => ({
      ...{ key, value },
      ...{ valuePath: [...path, key], keyPath: [...path, key], length: lengthOf(value) },
    }));
  });
}

function gridCells(grid: object, complain: Complain): Choice[][] {
  const axes = Object.entries(grid).map(([key, values]: [string, unknown]): Choice[] => {
    const path = ['sweep', key];
    if (!Array.isArray(values) || values.length === 0) {
      return complain(path, `expected a list of values of ${plain(key)}, got ${shown(values)}`);
    }
    return values.map((value, index) => ({
      ...{ key, value },
      ...{ valuePath: [...path, index], keyPath: path, length: lengthOf(value) },
    }));
  });
  const count = axes.reduce((product, { length }) => product * length, 1);
  if (count > MOST_CELLS) complain(['sweep'], tooMany(count));
  // Cell by cell, a number whose digits are the places on the axes: the last one changes fastest.
  return Array.from({ length: count }, (_, cell) => {
    let rest = cell;
    return axes
      .toReversed()
      .map((axis) => {
        const place = rest % axis.length;
        rest = Math.floor(rest / axis.length);
        return axis[place]!;
      })
      .reverse();
  });
}

const lengthOf = (value: unknown) => JSON.stringify(value).length;

const tooMany = (count: number) => `${count} cells are more than ${MOST_CELLS}, sweep fewer values at once`;

/** What the command sets for every cell, and every cell then sets anew, would go unnoticed. */
function refuseUselessFlags(source: ConfigSource, cells: readonly Choice[][]): void {
  for (const { key } of cells[0]!) {
    const flag = source.flagOf(key.split('.'));
    if (flag !== undefined && cells.every((cell) => cell.some((choice) => choice.key === key))) {
      throw new UserError(`${flag}: ${key} is swept, so this changes nothing; leave it out`);
    }
  }
}

/**
 * @param common what all cells share, the source without the sweep; laid over the cell's own config where it has one
 * @param source where the cell's values stand
 */
function resolveCell(common: ConfigSource, source: ConfigSource, choices: readonly Choice[]): Cell {
  const settings = Object.fromEntries(
    choices.map(({ key, value }) => [key, key === CONFIG ? baseName(value) : value]),
  );
  const name = cellName(settings);
  const own = common.fork();
  try {
    for (const { key, value, valuePath, keyPath } of choices) {
      if (key === CONFIG) continue;
      const [place, keyPlace] = [source.place(valuePath).text, source.keyPlace(keyPath).text];
      own.override(place, key.split('.'), nodeOf(value), keyPlace);
    }
    own.override(source.place(choices[0]!.valuePath).text, ['name'], new Scalar(name));
    return { settings, experiment: validate(own) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${error.message} (cell ${name})`);
  }
}

/** Two cells of one name would share a folder, and two equal experiments would be one result counted twice. */
function refuseTwins(source: ConfigSource, choices: readonly Choice[][], cells: readonly Cell[]): void {
  const seen = new Map<string, string>();
  for (const [index, { experiment }] of cells.entries()) {
    const { name } = experiment;
    const content = JSON.stringify({ ...experiment, name: null });
    // Hashed, because a thousand configs of ten thousand seeds are many characters.
    for (const identity of [name, createHash('sha256').update(content).digest('hex')]) {
      const twin = seen.get(identity);
      if (twin !== undefined) {
        const same = twin === name ? 'stands here twice' : `trains the same as the cell ${twin}`;
        const place = source.place(choices[index]!.at(-1)!.valuePath).text;
        throw new UserError(`${place}: sweep: the cell ${name} ${same}, keep one`);
      }
      seen.set(identity, name);
    }
  }
}

function nodeOf(value: unknown): Node {
  const node = new Document(value).contents;
  return node ?? new Scalar(null);
}

/** The key `sweep` as YAML, each list of values and each cell on a line. */
function formatDefinition(values: unknown): string {
  const document = new Document(
    { sweep: valueAt(values, ['sweep']) },
    { ...portableYaml, aliasDuplicateObjects: false },
  );
  const sweep = document.get('sweep');
  for (const item of isCollection(sweep) ? sweep.items : []) {
    const line = isPair(item) ? item.value : item;
    if (isCollection(line)) line.flow = true;
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** A sweep of several configs as YAML: every cell with the whole of its config. */
const formatCells = (name: string, cells: readonly Cell[]) =>
  `${new Document({ name }, portableYaml)}sweep:\n${cells.map(({ settings, experiment }) => formatCell(settings, experiment)).join('')}`;
