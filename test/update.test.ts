import { before, describe, test } from 'node:test';
import { startEngine } from '../src/engine/engine.ts';
import { registerKernels } from '../src/engine/wasm/kernels.ts';
import { assertUpdateEqualsReference } from './support/reference-update.ts';

const engines: Record<string, () => Promise<void>> = {
  wasm: async () => {
    await startEngine('wasm');
  },
  'wasm without relaxed SIMD': async () => {
    await startEngine('wasm');
    registerKernels('plain');
  },
  cpu: async () => {
    await startEngine('cpu');
  },
};

for (const [name, start] of Object.entries(engines)) {
  describe(`one update on ${name} equals JAX's`, () => {
    before(start);
    for (const members of [1, 3]) {
      test(`${members} stacked on ${name}`, () => assertUpdateEqualsReference(members));
    }
  });
}
