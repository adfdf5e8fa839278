import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { dreamerSettings } from '../src/methods/dreamer/settings.ts';
import { dynamicsSpecs, observeSequence } from '../src/models/rssm/dynamics.ts';
import { latentFamily } from '../src/models/rssm/latent.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { processorEngines } from './support/engine-here.ts';
import { read } from './support/reference.ts';
import { testRssmReference } from './support/rssm-tests.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

for (const engine of processorEngines) {
  describe(`RSSM and Dreamer on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });
    testRssmReference(2e-6);
  });
}

/** Small models of both kinds. */
const kinds: Record<string, object> = {
  'categorical, blocks': { stoch: 3, classes: 4, deter: 8, hidden: 6, blocks: 2 },
  'gaussian, one matrix': { latent: 'gaussian', stoch: 5, deter: 8, hidden: 6, cell: 'gru' },
};

describe('observed sequences', () => {
  before(async () => {
    await startEngine('cpu');
  });

  for (const [kind, keys] of Object.entries(kinds)) {
    test(`after a reset a window is that of an episode's start, whatever was before: ${kind}`, () => {
      const { model: settings } = dreamerSettings.parse({ model: { ...keys, units: 7 } });
      const layout = new ParameterLayout(dynamicsSpecs(settings, 2));
      const latent = latentFamily(settings);
      const [members, batch, time] = [2, 3, 6];
      const sequences = fc.record({ reset: fc.integer({ min: 0, max: time - 1 }), seed: fc.nat(1000) });
      fc.assert(
        fc.property(sequences, ({ reset, seed }) => {
          tf.tidy(() => {
            const random = (name: string, ...shape: number[]) => upload(normals(seed, name, shape));
            const flat = layout.initialise([RandomStream.named(seed, 'a'), RandomStream.named(seed, 'b')]);
            const after = (x: tf.Tensor) => {
              const begin = [0, 0, reset, 0].slice(0, x.rank);
              return tf.slice(x, begin, [members, batch, time - reset, ...x.shape.slice(3)]);
            };
            const given = {
              embedding: random('embedding', members, batch, time, 7),
              action: random('action', members, batch, time, 2),
              noise: tf.sigmoid(random('noise', members, batch, time, latent.noise.size)),
            };
            const keep = tf.tensor(
              Array.from({ length: members * batch * time }, (_, i) => Number(i % time !== reset)),
              [members, batch, time],
            );
            const observe = (x: typeof given, keep: tf.Tensor, start: string) =>
              observeSequence(
                layout.unpack(flat),
                settings,
                x.embedding,
                x.action,
                keep,
                {
                  deter: random(`${start} h`, members, batch, 8),
                  stoch: random(`${start} z`, members, batch, latent.size),
                },
                x.noise,
              );
            const whole = observe(given, keep, 'one');
            const cut = Object.fromEntries(Object.entries(given).map(([name, x]) => [name, after(x)]));
            const fresh = observe(cut as typeof given, after(keep), 'another');
            for (const name of ['deter', 'stoch', 'posterior'] as const) {
              assertClose(read(after(whole[name])), read(fresh[name]), 1e-6, name);
            }
          });
        }),
        { seed: 1, numRuns: 12 },
      );
    });
  }
});
