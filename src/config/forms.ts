import type { z } from 'zod';
import type { SchemaNode } from './describe.ts';

/** A key of a group that has forms. */
export interface FormKey extends SchemaNode {
  /** The forms that have it; absent where all do. */
  of?: readonly string[];
  /** Its default in forms that have another than the first. */
  otherDefaults?: Readonly<Record<string, unknown>>;
}

/** A group of keys that comes in forms, told apart by its key `name`: what every key of any form may hold, side by side. */
export interface FormsNode extends SchemaNode {
  /** The keys of each form. */
  forms: Readonly<Record<string, readonly string[]>>;
}

export const hasForms = (node: SchemaNode): node is FormsNode => node.forms !== undefined;

/** The same schema, each discriminated union in it as one group of keys: what describes keys need not know of forms. */
export function withFormsMerged(node: SchemaNode): SchemaNode {
  if (node.oneOf) return merged(node, node.oneOf);
  if (!node.properties) return node;
  return { ...node, properties: mapProperties(node.properties, withFormsMerged) };
}

function mapProperties(properties: object, of: (child: SchemaNode, key: string) => SchemaNode) {
  return Object.fromEntries(
    Object.entries(properties).map(([key, child]) => [key, of(child as SchemaNode, key)]),
  );
}

function merged({ oneOf: _, ...group }: SchemaNode, forms: readonly SchemaNode[]): FormsNode {
  const named = forms.map(({ properties }) => {
    const { name, ...keys } = properties as Record<string, SchemaNode>;
    return { name: name!, form: String(name!.const), keys };
  });
  const keys = [...new Set(named.flatMap((form) => Object.keys(form.keys)))];
  const ofKey = (key: string): FormKey => {
    const having = named.filter((form) => form.keys[key] !== undefined);
    const [first, ...others] = having.map((form) => ({ form: form.form, node: form.keys[key]! }));
    const { default: preset, ...rest } = first!.node;
    const otherDefaults = others.filter(({ node: { default: own, ...same } }) => {
      if (JSON.stringify(same) !== JSON.stringify(rest)) throw new Error(`${key} differs among the forms`);
      return own !== preset;
    });
    return {
      ...first!.node,
      ...(having.length < named.length && { of: having.map(({ form }) => form) }),
      ...(otherDefaults.length > 0 && {
        otherDefaults: Object.fromEntries(otherDefaults.map(({ form, node }) => [form, node.default])),
      }),
    };
  };
  const { description } = named[0]!.name;
  const preset = named.find(({ name }) => name.default !== undefined)?.form;
  const name: SchemaNode = { type: 'string', enum: named.map(({ form }) => form), default: preset };
  return {
    ...group,
    type: 'object',
    properties: {
      name: { ...name, ...(description !== undefined && { description }) },
      ...Object.fromEntries(keys.map((key) => [key, ofKey(key)])),
    },
    additionalProperties: false,
    forms: Object.fromEntries(named.map((form) => [form.form, ['name', ...Object.keys(form.keys)]])),
  } satisfies z.core.JSONSchema.JSONSchema as FormsNode;
}
