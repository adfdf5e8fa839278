import { UserError } from '../errors.ts';
import { alternatives, closest } from '../words.ts';
import { valueAt } from './key-path.ts';
import { shown } from './problems.ts';
import { ConfigSource } from './source.ts';

/** A preset as it was read. */
export interface PresetFile {
  /** Its file's name as messages show it, e.g. `configs/presets/paper.yaml`. */
  file: string;
  text: string;
}

/** Where presets are found by their names. */
export interface PresetShelf {
  names(): string[];
  /** @throws UserError where the preset cannot be read. */
  read(name: string): PresetFile;
}

/** The key of a config that names presets. */
const KEY = 'preset';

/**
 * Puts presets in place of their names: those that a config names stand below its own keys, those that the command names
 * above them, and of several the later ones win. A preset is a flat set of config keys, and names no presets itself.
 *
 * @param shelf undefined for a config that has to stand for itself, such as that of a run folder
 * @param commanded the values of `--preset`
 * @throws UserError for a name that the shelf has not, and for what is wrong with a preset's YAML
 */
export function applyPresets(
  source: ConfigSource,
  shelf: PresetShelf | undefined,
  commanded: readonly string[],
): void {
  const named = namedPresets(source);
  source.remove(KEY);
  const under = named.map(({ name, place }) => openPreset(name, place, shelf));
  const over = commanded.map((name) => openPreset(name, '--preset', shelf));
  if (under.length + over.length > 0) source.layPresets(under, over);
}

/** @throws UserError where the command sets the key: what the file named has been laid by then. */
export function refusePresetKey(source: ConfigSource): void {
  if (!source.has([KEY])) return;
  throw new UserError(`${source.keyPlace([KEY]).text}: give presets by their names with --preset`);
}

/** The presets that a config names, and where. @throws UserError where it is no list of names, or names one twice. */
function namedPresets(source: ConfigSource): { name: string; place: string }[] {
  if (!source.has([KEY])) return [];
  const list = valueAt(source.values(), [KEY]);
  const complain = (path: (string | number)[], says: string): never => {
    throw new UserError(`${source.place(path).text}: ${says}`);
  };
  if (!Array.isArray(list) || list.length === 0) {
    return complain([KEY], `${KEY}: expected a list of presets, such as [trial], got ${shown(list)}`);
  }
  return list.map((name: unknown, index) => {
    const path = [KEY, index];
    const what = `${KEY}[${index}]`;
    if (typeof name !== 'string')
      return complain(path, `${what}: expected a preset's name, got ${shown(name)}`);
    const twin = list.indexOf(name);
    if (twin < index) complain(path, `${what}: ${name} is already ${KEY}[${twin}], list each preset once`);
    return { name, place: `${source.place(path).text}: ${what}` };
  });
}

/** @param place where the name stands */
function openPreset(name: string, place: string, shelf: PresetShelf | undefined): ConfigSource {
  if (shelf === undefined) {
    throw new UserError(`${place}: this config stands for itself, write the keys of the preset out`);
  }
  const known = shelf.names();
  if (!known.includes(name)) {
    const near = closest(name, known);
    const advice = near === undefined ? '' : `, did you mean ${near}?`;
    throw new UserError(`${place}: expected ${alternatives(known)}, got ${shown(name)}${advice}`);
  }
  const { file, text } = shelf.read(name);
  const preset = ConfigSource.parse(file, text, 'steps: …');
  for (const key of [KEY, 'sweep']) {
    if (!preset.has([key])) continue;
    throw new UserError(`${preset.keyPlace([key]).text}: ${key}: a preset has none, give it in the config`);
  }
  return preset;
}
