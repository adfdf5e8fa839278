import { leafKeys, schemaRoot } from './describe.ts';
import { type KeyPath, valueAt } from './key-path.ts';
import { type ConfigInput, readSource, validate } from './load.ts';
import type { Experiment } from './schema.ts';
import type { ConfigSource, Writer } from './source.ts';
import { plannedCells, resolveSweep } from './sweep.ts';

/** One value of a resolved config. */
export interface ResolvedValue {
  /** Dotted. */
  key: string;
  value: unknown;
  /** Who said it. */
  by: Writer | 'default';
  /** Where: `configs/dream.yaml:6:9`, `--set lambda=1`, of an arm where its name stands; null for a default. */
  place: string | null;
}

/** A config with the origin of every value. */
export interface ConfigOrigins {
  values: ResolvedValue[];
  /** Of a sweep: what each cell sets, and where. */
  cells: { name: string; values: ResolvedValue[] }[] | null;
}

/** Resolves a config or a sweep and says where every value is from. @throws UserError for whatever is wrong with it. */
export function configOrigins(input: ConfigInput): ConfigOrigins {
  const source = readSource(input);
  if (!source.has(['sweep'])) return { values: originsOf(source, validate(source)), cells: null };
  const { base, cells } = resolveSweep(source, input);
  const plan = plannedCells(source);
  return {
    values: base === null ? saidOf(source) : originsOf(source, base),
    cells: cells.map(({ experiment: { name } }, index) => ({
      name,
      values: plan[index]!.map(({ key, value, valuePath }) => ({ key, value, ...saidAt(source, valuePath) })),
    })),
  };
}

/** Every key that has a value, in the schema's order. */
function originsOf(source: ConfigSource, experiment: Experiment): ResolvedValue[] {
  return leafKeys(schemaRoot(experiment.method))
    .flatMap(({ path }) => parts(path, valueAt(experiment, path)))
    .map(({ path, value }) => ({
      ...{ key: path.join('.'), value },
      ...(source.has(path) ? saidAt(source, path) : { by: 'default', place: null }),
    }));
}

/** What a sweep of several configs says for all its cells. */
function saidOf(source: ConfigSource): ResolvedValue[] {
  const { sweep: _, ...common } = source.values();
  return Object.entries(common)
    .flatMap(([key, value]) => parts([key], value))
    .map(({ path, value }) => ({ key: path.join('.'), value, ...saidAt(source, path) }));
}

/** Who said the value at `path`, and where. */
function saidAt(source: ConfigSource, path: KeyPath): Pick<ResolvedValue, 'by' | 'place'> {
  const { text, writer } = source.place(path);
  return { by: writer, place: text };
}

/** A value, or the values in it where it is a map, such as a schedule: each may be from elsewhere. */
function parts(path: readonly string[], value: unknown): { path: KeyPath; value: unknown }[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ path, value }];
  return Object.entries(value).map(([key, part]) => ({ path: [...path, key], value: part }));
}
