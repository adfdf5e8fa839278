import { isDeepStrictEqual } from 'node:util';
import { Document, type DocumentOptions, isCollection, type ScalarTag, type SchemaOptions } from 'yaml';
import { stringifyNumber } from 'yaml/util';
import { leafKeys, schemaRoot } from './describe.ts';
import { valueAt } from './key-path.ts';
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
  const document = new Document({}, portableYaml);
  for (const { path } of leafKeys(schemaRoot(experiment.method))) {
    const given = valueAt(experiment, path);
    if (given === undefined) continue;
    const value = document.createNode(given, { aliasDuplicateObjects: false });
    if (isCollection(value)) value.flow = true;
    document.setIn(path, value);
  }
  return document.toString({ lineWidth: 100, flowCollectionPadding: false });
}

/** The dotted keys whose values differ, in the schema's order: empty for equal experiments. */
export function differingKeys(a: Experiment, b: Experiment): string[] {
  const names = [a, b].flatMap(({ method }) =>
    leafKeys(schemaRoot(method)).map(({ path }) => path.join('.')),
  );
  return [...new Set(names)].filter((name) => {
    const path = name.split('.');
    return !isDeepStrictEqual(valueAt(a, path), valueAt(b, path));
  });
}
