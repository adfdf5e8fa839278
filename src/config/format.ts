import { isDeepStrictEqual } from 'node:util';
import { Document, isCollection } from 'yaml';
import { leafKeys, schemaRoot } from './describe.ts';
import { valueAt } from './key-path.ts';
import type { Experiment } from './schema.ts';

/** The resolved config as YAML, every key present, in the schema's order. Reading it gives the same Experiment. */
export function formatExperiment(experiment: Experiment): string {
  const document = new Document({});
  for (const { path } of leafKeys(schemaRoot(experiment.method))) {
    const value = document.createNode(valueAt(experiment, path), { aliasDuplicateObjects: false });
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
