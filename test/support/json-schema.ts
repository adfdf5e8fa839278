import { isDeepStrictEqual } from 'node:util';

/** A JSON schema in draft 7, or a node of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One message of a validator: the keyword that does not hold, and where, dotted. */
export interface Violation {
  path: string;
  keyword: string;
}

type Check = (argument: never, value: never, node: JsonSchema, at: Walk) => Violation[];

/** Where the validator is, and how it goes on. */
interface Walk {
  /** Of the value itself, by a keyword. */
  fails: (keyword: string) => Violation[];
  /** Of what stands at `key` in the value. */
  within: (key: string | number, node: unknown, value: unknown) => Violation[];
  /** Of the value by another node. */
  same: (node: unknown) => Violation[];
}

const kinds: Record<string, (value: unknown) => boolean> = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
};
const isA = (kind: string, value: unknown) => kinds[kind]!(value);

/** A keyword that says nothing of values of other kinds. */
const of =
  (kind: string, holds: (argument: never, value: never) => boolean, keyword: string): Check =>
  (argument, value, _, { fails }) =>
    !isA(kind, value) || holds(argument, value) ? [] : fails(keyword);

const annotation: Check = () => [];

/**
 * The keywords, by draft 7 (json-schema.org/draft-07/json-schema-validation), as far as our schemas have them; any other
 * one throws, since to pass over it would be to say that it holds.
 */
const keywords: Record<string, Check> = {
  ...Object.fromEntries(
    ['$schema', 'title', 'description', 'default', 'definitions', 'then'].map((name) => [name, annotation]),
  ),
  type: (types: string | string[], value, _, { fails }) =>
    [types].flat().some((kind) => isA(kind, value)) ? [] : fails('type'),
  enum: (values: unknown[], value, _, { fails }) =>
    values.some((one) => isDeepStrictEqual(one, value)) ? [] : fails('enum'),
  minimum: of('number', (least: number, value: number) => value >= least, 'minimum'),
  maximum: of('number', (most: number, value: number) => value <= most, 'maximum'),
  exclusiveMinimum: of('number', (least: number, value: number) => value > least, 'exclusiveMinimum'),
  exclusiveMaximum: of('number', (most: number, value: number) => value < most, 'exclusiveMaximum'),
  multipleOf: of('number', (part: number, value: number) => value % part === 0, 'multipleOf'),
  pattern: of('string', (pattern: string, value: string) => new RegExp(pattern, 'u').test(value), 'pattern'),
  minItems: of('array', (least: number, value: unknown[]) => value.length >= least, 'minItems'),
  maxItems: of('array', (most: number, value: unknown[]) => value.length <= most, 'maxItems'),
  uniqueItems: of(
    'array',
    (wanted: boolean, value: unknown[]) =>
      !wanted || new Set(value.map((item) => JSON.stringify(item))).size === value.length,
    'uniqueItems',
  ),
  minProperties: of(
    'object',
    (least: number, value: object) => Object.keys(value).length >= least,
    'minProperties',
  ),
  required: of(
    'object',
    (names: string[], value: object) => names.every((name) => Object.hasOwn(value, name)),
    'required',
  ),
  items: (node: JsonSchema, value: unknown[], _, { within }) =>
    isA('array', value) ? value.flatMap((item, index) => within(index, node, item)) : [],
  properties: (nodes: Record<string, JsonSchema>, value: object, _, { within }) =>
    entriesOf(value).flatMap(([key, item]) =>
      Object.hasOwn(nodes, key) ? within(key, nodes[key], item) : [],
    ),
  patternProperties: (nodes: Record<string, JsonSchema>, value: object, _, { within }) =>
    entriesOf(value).flatMap(([key, item]) =>
      Object.entries(nodes).flatMap(([pattern, node]) =>
        new RegExp(pattern, 'u').test(key) ? within(key, node, item) : [],
      ),
    ),
  additionalProperties: (allowed: boolean, value: object, { properties, patternProperties }, { within }) => {
    const known = (key: string) =>
      Object.hasOwn((properties ?? {}) as object, key) ||
      Object.keys((patternProperties ?? {}) as object).some((pattern) => new RegExp(pattern, 'u').test(key));
    if (allowed) return [];
    return entriesOf(value).flatMap(([key, item]) => (known(key) ? [] : within(key, { not: {} }, item)));
  },
  allOf: (nodes: JsonSchema[], _value, _, { same }) => nodes.flatMap(same),
  not: (node: JsonSchema, _value, _, { same, fails }) => (same(node).length > 0 ? [] : fails('not')),
  if: (condition: JsonSchema, _value, { then }, { same }) =>
    same(condition).length > 0 ? [] : same(then ?? {}),
};

const entriesOf = (value: object) => (isA('object', value) ? Object.entries(value) : []);

/** Everything that a schema has against a value. */
export function violationsOf(schema: JsonSchema, value: unknown): Violation[] {
  const resolve = (pointer: string) =>
    pointer
      .split('/')
      .slice(1)
      .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], schema);
  const visit = (node: unknown, value: unknown, path: readonly (string | number)[]): Violation[] => {
    const own = node as JsonSchema;
    if (typeof own.$ref === 'string') return visit(resolve(own.$ref), value, path);
    return Object.entries(own).flatMap(([keyword, argument]) => {
      const check = keywords[keyword];
      if (!check) throw new Error(`the keyword ${keyword} is not known here`);
      return check(argument as never, value as never, own, {
        fails: (keyword) => [{ path: path.join('/'), keyword }],
        within: (key, child, item) => visit(child, item, [...path, key]),
        same: (other) => visit(other, value, path),
      });
    });
  };
  return visit(schema, value, []);
}
