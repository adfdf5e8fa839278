import { z } from 'zod';
import type { MethodName } from '../methods/index.ts';
import { alternatives, enumeration } from '../words.ts';
import { type FormKey, withFormsMerged } from './forms.ts';
import type { KeyPath } from './key-path.ts';
import { experimentSchema, methodNames } from './schema.ts';

/** A node of the JSON schema: what a key may hold, in the one form that messages, help and editors all read. */
export type SchemaNode = z.core.JSONSchema.JSONSchema;

/** One method's schema as JSON schema: the root of the nodes below. */
export function schemaRoot(method: MethodName): SchemaNode {
  const root = roots.get(method) ?? schemaOf(experimentSchema(method));
  roots.set(method, root);
  return root;
}

const roots = new Map<MethodName, SchemaNode>();

/** A schema as JSON schema, its groups of several forms merged. */
export const schemaOf = (schema: z.ZodType): SchemaNode =>
  withFormsMerged(z.toJSONSchema(schema, { io: 'input' }));

/** The node at `path`, undefined where the schema has no such key. */
export function nodeAt(root: SchemaNode, path: KeyPath): SchemaNode | undefined {
  let nodes = [root];
  for (const key of path) {
    nodes = nodes
      .flatMap((node) => node.anyOf ?? [node])
      .flatMap((node) => {
        const child = typeof key === 'number' ? node.items : node.properties?.[key];
        return typeof child === 'object' && !Array.isArray(child) ? [child] : [];
      });
  }
  return nodes[0];
}

/** Every key that holds a value (not a group of keys), in the schema's order. */
export function leafKeys(root: SchemaNode): { path: string[]; node: FormKey }[] {
  return Object.entries(root.properties ?? {}).flatMap(([key, node]) => {
    if (typeof node !== 'object') return [];
    if (!node.properties) return [{ path: [key], node: node as FormKey }];
    return leafKeys(node).map((leaf) => ({ ...leaf, path: [key, ...leaf.path] }));
  });
}

/** What a node allows, in words that follow "expected": `an integer from 1 to 1000`, `a number >= 0`, … */
export function expectation(node: SchemaNode): string {
  if (node.title !== undefined) return node.title;
  if (node.anyOf) return node.anyOf.map(expectation).join(' or ');
  if (node.enum) return alternatives(node.enum);
  if (node.properties) return `{${Object.keys(node.properties).join(', ')}}`;
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'integer') return `an integer${range(node)}`;
  if (node.type === 'number') return `a number${range(node)}`;
  if (node.type === 'array' && typeof node.items === 'object' && !Array.isArray(node.items)) {
    return `a list of ${node.minItems ?? 0} to ${node.maxItems} items, each ${expectation(node.items)}`;
  }
  throw new Error(`no words for the schema node ${JSON.stringify(node)}`);
}

function range(node: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node;
  const bounded = maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER;
  if (minimum !== undefined && bounded) return ` from ${minimum} to ${maximum}`;
  const lower =
    exclusiveMinimum !== undefined ? ` > ${exclusiveMinimum}` : minimum !== undefined ? ` >= ${minimum}` : '';
  const upper = exclusiveMaximum !== undefined ? ` < ${exclusiveMaximum}` : bounded ? ` <= ${maximum}` : '';
  return lower && upper ? `${lower} and${upper}` : lower + upper;
}

/** The text of `wm train --help-config`, of some methods: one line per key with its range, default and description. */
export function describeConfig(names: readonly MethodName[] = methodNames): string {
  const perMethod = names
    .map((method) => {
      const leaves = leafKeys(schemaRoot(method));
      const width = Math.max(...leaves.map(({ path }) => path.join('.').length));
      const lines = leaves.map(({ path, node }) => {
        return `  ${path.join('.').padEnd(width)}  ${expectation(node)}${presetOf(node)}: ${node.description}`;
      });
      return `Config keys of method ${method}:\n${lines.join('\n')}\n`;
    })
    .join('\n');
  return `${perMethod}\nBesides, a config may name presets, \`preset: [NAME]\`, and that of a sweep has \`sweep\`: docs/configs.md, docs/sweeps.md\n`;
}

/** The default of a key, where it has one, and which forms of its group have the key: `, default 12 (enumeration 5)`. */
function presetOf(node: FormKey): string {
  const others = Object.entries(node.otherDefaults ?? {}).map(([form, value]) => `${form} ${inline(value)}`);
  const exceptions = others.length > 0 ? ` (${others.join(', ')})` : '';
  const preset = node.default === undefined ? '' : `, default ${inline(node.default)}${exceptions}`;
  return preset + (node.of ? `, of ${enumeration(node.of)}` : '');
}

/** A value on one line, as YAML has it. */
export function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}: ${inline(item)}`)
    .join(', ')}}`;
}
