import type { z } from 'zod';
import { closest, enumeration } from '../words.ts';
import { expectation, leafKeys, nodeAt, type SchemaNode } from './describe.ts';
import type { FormKey } from './forms.ts';
import { dotted, type KeyPath, valueAt } from './key-path.ts';

/** One mistake in a config. */
export interface Problem {
  /** A value that is wrong or missing, a key that should not be there, or a rule between keys that is broken. */
  kind: 'value' | 'key' | 'rule';
  path: KeyPath;
  says: string;
}

/**
 * The schema's issues with `values`, in our words: `expected a number >= 0, got "high"`.
 *
 * @param help what to do about an unknown key that comes near to none
 */
export function problemsOf(
  error: z.ZodError,
  values: unknown,
  root: SchemaNode,
  help = 'see wm train --help-config',
): Problem[] {
  return error.issues.flatMap(settle).flatMap((issue): Problem[] => {
    const path = issue.path as KeyPath;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const unknown = [...path, key];
        return {
          kind: 'key',
          path: unknown,
          says: ofOtherForms(unknown, values, root) ?? unknownKey(unknown, root, help),
        };
      });
    }
    if (issue.code === 'custom') return [{ kind: 'value', path, says: issue.message }];
    const node = nodeAt(root, path);
    if (!node) throw new Error(`the schema has no node for ${dotted(path)}`);
    const value = valueAt(values, path);
    const says =
      value === undefined
        ? `missing, expected ${expectation(node)}`
        : `expected ${expectation(node)}, got ${shown(value)}${suggestion(node, value)}`;
    return [{ kind: 'value', path, says }];
  });
}

/** Choices that a reader has at a glance. */
const FEW = 8;

/** Which of the many words that a key takes was meant: nearly the same, or the only one that holds it. */
function suggestion({ enum: choices = [] }: SchemaNode, value: unknown): string {
  const words = choices.filter((choice) => typeof choice === 'string');
  if (typeof value !== 'string' || value === '' || words.length <= FEW) return '';
  const around = words.filter((word) => word.toLowerCase().includes(value.toLowerCase()));
  const meant = closest(value, words) ?? (around.length === 1 ? around[0] : undefined);
  return meant === undefined ? '' : `, did you mean ${meant}?`;
}

/** Of a union's branches, the one that fails inside the value has the right kind; if there is none, the whole fails. */
function settle(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const close = issue.errors.find((branch) =>
    branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
  );
  return close ? close.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) : [issue];
}

/** A value as a message shows it, cut short where it is long. */
export function shown(value: unknown): string {
  if (value === null) return 'nothing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  if (text.length <= 60) return text;
  if (Array.isArray(value)) return `a list of ${value.length} items`;
  return typeof value === 'string' ? `${text.slice(0, 57)}…"` : 'a map of keys';
}

/** Of a key that is none of its group's form, but of others. */
function ofOtherForms(path: KeyPath, values: unknown, root: SchemaNode): string | undefined {
  const forms = (nodeAt(root, path) as FormKey | undefined)?.of;
  if (!forms) return undefined;
  const name = [...path.slice(0, -1), 'name'];
  const given = valueAt(values, name) ?? nodeAt(root, name)?.default;
  return `a key of ${enumeration(forms)} alone, and ${dotted(name)} is ${given}`;
}

/** The dotted key of `names` that is nearest to an unknown one, or ends with the same word. */
export const meantKey = (key: string, names: readonly string[]): string | undefined =>
  closest(key, names) ?? names.find((name) => name.split('.').at(-1) === key.split('.').at(-1));

function unknownKey(path: KeyPath, root: SchemaNode, help: string): string {
  const ofFiles = root.properties?.method ? ['preset', 'sweep'] : [];
  const names = leafKeys(root).flatMap((leaf) =>
    leaf.path.map((_, depth) => leaf.path.slice(0, depth + 1).join('.')),
  );
  const word = String(path.at(-1));
  const meant =
    meantKey(dotted(path), [...names, ...ofFiles]) ??
    names.find((name) => name === otherWords.get(word.toLowerCase()));
  return meant === undefined ? `unknown key, ${help}` : didYouMean(meant);
}

/** What others call a key, too far from its name for `closest`. */
const otherWords = new Map([
  ['env', 'environment'],
  ['task', 'environment'],
  ['lr', 'learningRate'],
  ['discount', 'gamma'],
  ['algo', 'method'],
  ['algorithm', 'method'],
]);

const didYouMean = (key: string) => `unknown key, did you mean \`${key}\`?`;

/** The key that stands for `method` in a config without one, under another name: `Method`, `algo`. */
export function misnamedMethod(values: unknown): Problem | undefined {
  const key = Object.keys(values ?? {}).find(
    (name) => closest(name, ['method']) !== undefined || otherWords.get(name.toLowerCase()) === 'method',
  );
  return key === undefined ? undefined : { kind: 'key', path: [key], says: didYouMean('method') };
}
