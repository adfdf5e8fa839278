import { rmSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { checks, sandboxRoot } from './fuzz/targets.ts';

/** The short form of `npm run fuzz`. */
const root = sandboxRoot();
after(() => rmSync(root, { recursive: true }));

describe('input from outside is accepted or refused in one sentence', () => {
  for (const { name, share, check } of checks) {
    test(name, async () => {
      await check({ seed: 1, runs: Math.round(500 * share), root, slowest: 30 });
    });
  }
});
