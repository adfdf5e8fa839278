import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';
import { onDisk } from '../runs/on-disk.ts';
import { closest, enumeration } from '../words.ts';

const folder = fileURLToPath(new URL('../../configs/', import.meta.url));

/** The configs that come with wm, by their paths in its folder configs/, with slashes: `dream.yaml`, `sweeps/lambda.yaml`. */
export function shippedConfigs(): string[] {
  return shippedFiles().filter((file) => !file.startsWith(PRESETS));
}

/** The presets that come with wm, by their names: `paper` is configs/presets/paper.yaml. */
export function shippedPresets(): string[] {
  const files = shippedFiles().filter((file) => file.startsWith(PRESETS));
  return files.map((file) => stem(file.slice(PRESETS.length)));
}

/** Where presets lie in the folder. */
const PRESETS = 'presets/';

const shippedFiles = () =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.replaceAll(path.sep, '/'))
    .sort();

/** Where a shipped config lies, as short as it can be said from here. @throws UserError where the working folder is gone. */
export function shippedConfigPath(name: string): string {
  const file = path.join(folder, name);
  const fromHere = onDisk(name, () => path.relative('', file));
  return fromHere.startsWith('..') || path.isAbsolute(fromHere) ? file : fromHere;
}

/**
 * The file of the shipped config of this name, as `wm configs` lists them, or else of the one that it ends: `lambda`,
 * `lambda.yaml`, `sweeps/lambda` and `configs/sweeps/lambda.yaml` are one.
 *
 * @param among the shipped configs
 * @returns undefined where there is none
 * @throws UserError where there are several.
 */
export function findShippedConfig(name: string, among = shippedConfigs()): string | undefined {
  const wanted = `/${stem(name.replaceAll(path.sep, '/'))}`;
  const listed = among.find((file) => `/${stem(file)}` === wanted);
  const found = listed ? [listed] : among.filter((file) => `/configs/${stem(file)}`.endsWith(wanted));
  if (found.length > 1) {
    const candidates = found.map((file) => `configs/${file}`);
    throw new UserError(
      `${name}: no such file, and wm has several configs of that name: give one of ${enumeration(candidates)}`,
    );
  }
  return found[0] && shippedConfigPath(found[0]);
}

/** The shipped preset that is named in place of a config; undefined where none is. */
export const presetNamed = (name: string): string | undefined =>
  shippedPresets().find((preset) => preset === path.basename(stem(name)));

/** The name of the shipped config that may be meant by one that there is not: nearly the same, or a part of it. */
export function nearestShippedConfig(name: string): string | undefined {
  const word = path.basename(stem(name));
  const names = shippedConfigs().map((file) => path.basename(stem(file)));
  const part = (a: string, b: string) => b.length > 2 && a.includes(b);
  const near = closest(word, names) ?? names.find((each) => part(each, word) || part(word, each));
  return near && `${near}.yaml`;
}

const stem = (file: string) => file.replace(/\.ya?ml$/, '');
