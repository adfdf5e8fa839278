import { isDeepStrictEqual } from 'node:util';
import { Document, type DocumentOptions, isCollection, type ScalarTag, type SchemaOptions } from 'yaml';
import { stringifyNumber } from 'yaml/util';
import { leafKeys, schemaRoot } from './describe.ts';
import { dotted, valueAt } from './key-path.ts';
import type { Experiment } from './schema.ts';

/** A number with an exponent has a point, without which YAML 1.1 takes it for a string: `1.0e-7`. */
const number: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => typeof value === 'number',
  test: /^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$/,
  resolve: Number,
  stringify: (node) => stringifyNumber(node).replace(/^(-?\d+)e/, '$1.0e'),
};

/**
 * Writes YAML that readers of YAML 1.1, Python's among them, and of 1.2 take for the same: strings that one of the two
 * would take for something else are quoted (`yes`, `2020-01-01`, `010`).
 */
export const portableYaml: DocumentOptions & SchemaOptions = {
  compat: 'yaml-1.1',
  customTags: (tags) => [number, ...tags],
};

/** The resolved config as YAML, every key present that has a value, in the schema's order. Reading it gives the same Experiment. */
export function formatExperiment(experiment: Experiment): string {
  return topKeys(experiment.method)
    .map(({ key, paths }) => {
      const value = valueAt(experiment, [key]);
      if (value === undefined) return '';
      // A sweep's thousand cells have nearly all in common.
      const last = lastTexts.get(`${experiment.method} ${key}`);
      if (last && isDeepStrictEqual(last.value, value)) return last.text;
      const text = formatKey(experiment, paths);
      lastTexts.set(`${experiment.method} ${key}`, { value: structuredClone(value), text });
      return text;
    })
    .join('');
}

/** The keys at the top of a method's config, each with those below it that hold values. */
function topKeys(method: Experiment['method']): readonly TopKey[] {
  const known = keysOf.get(method);
  if (known) return known;
  const keys = new Map<string, string[][]>();
  for (const { path } of leafKeys(schemaRoot(method))) {
    keys.set(path[0]!, [...(keys.get(path[0]!) ?? []), path]);
  }
  const all = [...keys].map(([key, paths]) => ({ key, paths }));
  keysOf.set(method, all);
  return all;
}

interface TopKey {
  key: string;
  paths: string[][];
}

const keysOf = new Map<Experiment['method'], readonly TopKey[]>();
/** What stood last at a method's key, and the YAML of it. */
const lastTexts = new Map<string, { value: unknown; text: string }>();

function formatKey(experiment: Experiment, paths: readonly string[][]): string {
  const document = new Document({}, portableYaml);
  for (const path of paths) {
    const given = valueAt(experiment, path);
    if (given === undefined) continue;
    const value = document.createNode(given, { aliasDuplicateObjects: false });
    if (isCollection(value)) value.flow = true;
    document.setIn(path, value);
  }
  return document.toString({ lineWidth: 100, flowCollectionPadding: false });
}

/** The dotted keys of a method that hold values, in the schema's order. */
export const settingKeys = ({ method }: Pick<Experiment, 'method'>): string[] => pathsOf(method).map(dotted);

/** The dotted keys whose values differ, in the schema's order: empty for equal experiments. */
export function differingKeys(a: Experiment, b: Experiment): string[] {
  const paths = [...new Set([a.method, b.method])].flatMap(pathsOf);
  const differing = paths.filter((path) => !isDeepStrictEqual(valueAt(a, path), valueAt(b, path)));
  return [...new Set(differing.map(dotted))];
}

const pathsOf = (method: Experiment['method']): string[][] => topKeys(method).flatMap(({ paths }) => paths);
