import type { MethodName } from '../methods/index.ts';
import { type SchemaNode, schemaRoot } from './describe.ts';
import { hasForms } from './forms.ts';
import { namesOf } from './method-name.ts';
import { methodNames } from './schema.ts';
import { MOST_CELLS } from './sweep.ts';

/**
 * The schemas of config files and of sweeps, for editors and validators: every method's keys under the method's name.
 *
 * They are in draft 7, which every editor knows. Of one mistake a validator is to give one message, so there is no `anyOf`,
 * of which all branches would complain: `if` chooses a method by its name, and a form of a value by its type.
 */

/** The JSON schema of every config file of one run. */
export function configJsonSchema(): SchemaNode {
  return rootSchema('wm config', (keys) => keys.root);
}

/** The JSON schema of every config file of a sweep. */
export function sweepJsonSchema(): SchemaNode {
  const schema = rootSchema(
    'wm sweep',
    (keys) => {
      const { properties, ...root } = keys.root;
      return { ...root, properties: { ...properties, sweep: sweepNode(keys) } };
    },
    OF_CONFIGS,
  );
  return {
    ...schema,
    required: ['sweep'],
    allOf: [...schema.allOf!, when(OF_CONFIGS, { properties: { method: { not: {} }, sweep: configsNode } })],
  };
}

/** That the cells of a sweep have configs of their own, which say the methods. */
const OF_CONFIGS: SchemaNode = {
  required: ['sweep'],
  properties: {
    sweep: {
      type: ['object', 'array'] as never,
      required: ['config'],
      minItems: 1,
      items: { type: 'object', required: ['config'] },
    },
  },
};

const configNode: SchemaNode = {
  description: 'the config of a cell, as --config takes it; the keys of this file are laid over it',
  type: ['string', 'object'] as never,
};

/** The key `sweep` where each cell has a config: what else it may set depends on that one's method. */
const configsNode: SchemaNode = {
  type: ['object', 'array'] as never,
  properties: { config: { type: 'array', minItems: 1, items: configNode } },
  minItems: 1,
  maxItems: MOST_CELLS,
  items: { type: 'object', properties: { config: configNode } },
};

/** The keys of one method. */
interface MethodKeys {
  root: SchemaNode;
  /** By dotted name, groups too. */
  references: ReadonlyMap<string, Reference>;
}

/** To what a key holds, wherever it is written. */
interface Reference {
  node: SchemaNode;
  description: string;
}

/**
 * @param ofMethod the schema of a config of one method
 * @param without what has no method
 */
function rootSchema(
  title: string,
  ofMethod: (keys: MethodKeys) => SchemaNode,
  without?: SchemaNode,
): SchemaNode {
  const named: SchemaNode = { required: ['method'] };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title,
    type: 'object',
    properties: {
      method: {
        description: 'the method to train, or one of its arms',
        enum: methodNames.flatMap(namesOf),
      },
    },
    allOf: [
      // A preset may say the method.
      when({ not: { required: ['preset'] } }, without ? when({ not: without }, named) : named),
      ...methodNames.map((name) =>
        when(
          { properties: { method: { enum: namesOf(name) } }, required: ['method'] },
          { $ref: `#/definitions/${name}` },
        ),
      ),
    ],
    definitions: Object.fromEntries(methodNames.map((name) => [name, ofMethod(keysOf(name))])),
  };
}

/** Where `name` says which form of a group is meant, the keys of the others are wrong. A preset may say the name. */
const onlyOwnKeys = (name: string, own: readonly string[], all: readonly string[]): SchemaNode =>
  when(
    { properties: { name: { enum: [name] } }, required: ['name'] },
    {
      properties: Object.fromEntries(
        all.filter((key) => !own.includes(key)).map((key) => [key, { not: {} }]),
      ),
    },
  );

/** What `condition` holds of has to be as `consequence` says. */
const when = (condition: SchemaNode, consequence: SchemaNode): SchemaNode =>
  Object.fromEntries([
    ['if', condition],
    ['then', consequence],
  ]);

const presetNode: SchemaNode = {
  description:
    'named sets of keys, applied in their order before the keys of this file: wm configs lists them',
  type: 'array',
  minItems: 1,
  uniqueItems: true,
  items: { type: 'string' },
};

/** A method's keys, each by itself and dotted from the top: `critic: {hidden: [8]}`, `critic.hidden: [8]`. */
function keysOf(method: MethodName): MethodKeys {
  const references = new Map<string, Reference>();
  const root = settle(schemaRoot(method), [], `#/definitions/${method}`, references);
  const { method: named, ...own } = root.properties!;
  const dotted = [...references].filter(([key]) => key.includes('.'));
  return {
    root: {
      ...root,
      properties: {
        // Which names there are, the top of the schema says.
        method: { description: (named as SchemaNode).description! },
        preset: presetNode,
        ...own,
      },
      // As patterns, since editors would offer each key twice.
      patternProperties: Object.fromEntries(
        dotted.map(([key, { node }]) => [`^${key.replaceAll('.', '\\.')}$`, node]),
      ),
    },
    references,
  };
}

/**
 * A node of our schema for editors: without bounds and defaults that say nothing, with each form of a value under its
 * type, and without keys that must be there, since a preset may have them.
 *
 * @param pointer where the node stands in the whole
 * @param references where it and the nodes within it are added
 */
function settle(
  { $schema: _, required: __, anyOf, ...node }: SchemaNode,
  path: readonly string[],
  pointer: string,
  references: Map<string, Reference>,
): SchemaNode {
  const key = path.join('.');
  // The forms of a value stand within it.
  if (key !== '' && !references.has(key)) {
    references.set(key, { node: { $ref: pointer }, description: node.description! });
  }
  const { forms: _forms, of: _of, otherDefaults: _otherDefaults, ...settled }: SchemaNode = { ...node };
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete settled.maximum;
  // Of a value of another type both would complain.
  if (node.enum) delete settled.type;
  if (node.properties) {
    delete settled.default;
    settled.properties = Object.fromEntries(
      Object.entries(node.properties).map(([key, child]) => [
        key,
        settle(child as SchemaNode, [...path, key], `${pointer}/properties/${key}`, references),
      ]),
    );
  }
  if (typeof node.items === 'object' && !Array.isArray(node.items)) {
    settled.items = settle(node.items, path, `${pointer}/items`, references);
  }
  if (hasForms(node)) {
    const all = Object.keys(node.properties!);
    settled.allOf = Object.entries(node.forms).map(([name, own]) => onlyOwnKeys(name, own, all));
  }
  if (anyOf) {
    const types = anyOf.map((form) => form.type!);
    if (new Set(types).size < types.length) throw new Error(`two forms of ${key} have one type`);
    // The types of zod know of one type alone.
    settled.type = types as never;
    settled.allOf = anyOf.map((form, index) =>
      when(
        { type: types[index]! },
        settle(form as SchemaNode, path, `${pointer}/allOf/${index}/then`, references),
      ),
    );
  }
  return settled;
}

/** The key `sweep`: a grid as a map, or a list of cells. */
function sweepNode({ references }: MethodKeys): SchemaNode {
  const swept = [...references].filter(([key]) => key !== 'name' && key !== 'method');
  return {
    description:
      'lists of values by key, of which every combination is a cell, {lambda: [0.1, 1]}, or a list of cells, [{lambda: 0.1}]',
    type: ['object', 'array'] as never,
    // What holds of maps is passed over for lists, and the other way round.
    minProperties: 1,
    properties: Object.fromEntries(
      swept.map(([key, { node, description }]) => [
        key,
        { description, type: 'array', minItems: 1, items: node },
      ]),
    ),
    additionalProperties: false,
    minItems: 1,
    maxItems: MOST_CELLS,
    items: {
      type: 'object',
      minProperties: 1,
      properties: Object.fromEntries(swept.map(([key, { node }]) => [key, node])),
      additionalProperties: false,
    },
  };
}
