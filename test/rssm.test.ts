import { before, describe } from 'node:test';
import { startEngine } from '../src/engine/engine.ts';
import { processorEngines } from './support/engine-here.ts';
import { testRssmReference } from './support/rssm-tests.ts';

for (const engine of processorEngines) {
  describe(`RSSM and Dreamer on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });
    testRssmReference(2e-6);
  });
}
