import type { z } from 'zod';
import { expectation, leafKeys, nodeAt, type SchemaNode } from './describe.ts';
import { dotted, type KeyPath, valueAt } from './key-path.ts';

/** One mistake in a config. */
export interface Problem {
  /** A value that is wrong or missing, a key that should not be there, or a rule between keys that is broken. */
  kind: 'value' | 'key' | 'rule';
  path: KeyPath;
  says: string;
}

/** The schema's issues with `values`, in our words: `expected a number >= 0, got "high"`. */
export function problemsOf(error: z.ZodError, values: unknown, root: SchemaNode): Problem[] {
  return error.issues.flatMap(settle).flatMap((issue): Problem[] => {
    const path = issue.path as KeyPath;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const unknown = [...path, key];
        return { kind: 'key', path: unknown, says: unknownKey(unknown, root) };
      });
    }
    if (issue.code === 'custom') return [{ kind: 'value', path, says: issue.message }];
    const node = nodeAt(root, path);
    if (!node) throw new Error(`the schema has no node for ${dotted(path)}`);
    const value = valueAt(values, path);
    const says =
      value === undefined
        ? `missing, expected ${expectation(node)}`
        : `expected ${expectation(node)}, got ${shown(value)}`;
    return [{ kind: 'value', path, says }];
  });
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

function unknownKey(path: KeyPath, root: SchemaNode): string {
  const names = leafKeys(root).flatMap((leaf) =>
    leaf.path.map((_, depth) => leaf.path.slice(0, depth + 1).join('.')),
  );
  const meant = closest(dotted(path), names) ?? names.find((name) => name.split('.').at(-1) === path.at(-1));
  return meant === undefined
    ? 'unknown key, see wm train --help-config'
    : `unknown key, did you mean \`${meant}\`?`;
}

/** The candidate nearest to `word`, letter case and `_` or `-` aside, if at most two letters differ. */
function closest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '');
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.min(2, 0.4 * word.length) ? best.candidate : undefined;
}

/** Levenshtein's distance: the least number of letters to insert, delete or replace, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}
