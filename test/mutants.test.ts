import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { groups } from './mutants/groups.ts';
import { mutantsOf, mutate } from './mutants/mutant.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What `npm run mutants` runs; whether each is noticed takes too long to try here. */
test('the list of mutants fits the code: every text stands once in its file, every test file is there', () => {
  const mutants = mutantsOf(groups);
  assert.ok(mutants.length >= 200, `${mutants.length} mutants`);
  const changed = mutants.map((mutant) => {
    assert.ok(existsSync(path.join(root, mutant.by.file)), mutant.by.file);
    const original = readFileSync(path.join(root, mutant.file), 'utf8');
    const text = mutate(original, mutant);
    assert.notEqual(text, original, mutant.what);
    return `${mutant.file}\n${text}`;
  });
  assert.equal(new Set(changed).size, mutants.length, 'no mutant stands twice in the list');
});

test('a mutant whose text has moved is told in one sentence', () => {
  const mutant = mutantsOf(groups)[0]!;
  assert.throws(
    () => mutate('other code', mutant),
    /^Error: \S+: the text of the mutant ".*" stands 0 times in it, not once: .*; mend its entry in test\/mutants$/,
  );
});
