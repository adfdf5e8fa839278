import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadExperiment } from '../src/config/load.ts';
import { UserError } from '../src/errors.ts';
import { numericRows, parseCsv } from '../src/runs/csv.ts';
import { sandboxRoot } from './fuzz/target.ts';
import { checks } from './fuzz/targets.ts';

/** The short form of `npm run fuzz`. */
const root = sandboxRoot();
after(() => rmSync(root, { recursive: true }));

/** What once ended with a stack, without an end, or with an unprintable message. */
test('what once failed is refused in one sentence', () => {
  const corpus = fileURLToPath(new URL('fixtures/corpus/', import.meta.url));
  const readers = {
    config: (text: string) => loadExperiment({ file: 'c.yaml', text }),
    csv: (text: string) => numericRows(parseCsv(text, 'c.csv').rows, 'c.csv'),
  };
  // An odd name of a column is no mistake, and may do no harm.
  const accepted: string[] = [];
  for (const [kind, reader] of Object.entries(readers)) {
    for (const file of readdirSync(path.join(corpus, kind))) {
      try {
        reader(readFileSync(path.join(corpus, kind, file), 'utf8'));
        accepted.push(file);
      } catch (error) {
        assert.ok(error instanceof UserError, `${file}: ${error}`);
        assert.match(error.message, /^[^\p{C}\p{Zl}\p{Zp}]{1,2000}$/u, file);
      }
    }
  }
  assert.deepEqual(accepted.sort(), ['long-column.csv', 'prototype-column.csv']);
});

describe('input from outside is accepted or refused in one sentence', () => {
  for (const { name, share, check } of checks) {
    test(name, async () => {
      await check({ seed: 1, runs: Math.round(500 * share), root, slowest: 30 });
    });
  }
});
