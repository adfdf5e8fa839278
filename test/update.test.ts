import { before, describe, test } from 'node:test';
import { type EngineName, startEngine } from '../src/engine/engine.ts';
import { assertUpdateEqualsReference } from './support/reference-update.ts';

for (const engine of ['wasm', 'cpu'] satisfies EngineName[]) {
  describe(`one update on ${engine} equals JAX's`, () => {
    before(async () => {
      await startEngine(engine);
    });
    for (const members of [1, 3]) {
      test(`${members} stacked`, () => assertUpdateEqualsReference(members));
    }
  });
}
