import { before, describe, test } from 'node:test';
import { startEngine } from '../src/engine/engine.ts';
import { registerKernels } from '../src/engine/wasm/kernels.ts';
import { assertDreamerUpdateEqualsReference, dreamerCases } from './support/dreamer-reference-update.ts';
import { engineHere } from './support/engine-here.ts';
import { assertGoesOnExactly } from './support/going-on.ts';
import { assertUpdateEqualsReference } from './support/reference-update.ts';

interface Tried {
  start: () => Promise<void>;
  /** Members side by side. */
  stacks: number[];
  /** Why not here. */
  skip?: string | false;
}
const native = await engineHere('native');
const engines: Record<string, Tried> = {
  wasm: {
    start: async () => {
      await startEngine('wasm');
    },
    stacks: [1, 3],
  },
  'wasm without relaxed SIMD': {
    start: async () => {
      await startEngine('wasm');
      registerKernels('plain');
    },
    stacks: [1, 3],
  },
  native: {
    start: async () => {
      await startEngine('native');
    },
    stacks: [1, 3],
    skip: typeof native === 'string' && `skipped: ${native}`,
  },
  cpu: {
    start: async () => {
      await startEngine('cpu');
    },
    // Each member takes ten seconds: tfjs multiplies matrices in plain JavaScript.
    stacks: [1],
  },
};

for (const [name, { start, stacks, skip = false }] of Object.entries(engines)) {
  describe(`one update on ${name} equals JAX's`, { skip }, () => {
    before(start);
    for (const members of stacks) {
      test(`${members} stacked on ${name}`, () => assertUpdateEqualsReference(members));
      for (const dreamer of dreamerCases) {
        test(`${members} stacked on ${name}, Dreamer ${dreamer}`, () =>
          assertDreamerUpdateEqualsReference(dreamer, members));
      }
    }
    if (name === 'native') {
      test('what goes on from saved weights ends with the bytes of what never stopped', () =>
        assertGoesOnExactly());
    }
  });
}
