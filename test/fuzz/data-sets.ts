import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { environmentEntry } from '../../src/envs/index.ts';
import { DataSet, environmentOf } from '../../src/runs/data-set.ts';
import { DataSetWriter } from '../../src/runs/data-set-writer.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/runs/safetensors.ts';
import { agentSpaces } from '../../src/training/agent-spaces.ts';
import { emptyBatch } from '../../src/training/replay.ts';
import type { NamedArray } from '../../src/training/state.ts';
import { mutationsOf } from './mutations.ts';
import { sandboxRoot, type Target } from './target.ts';

const spaces = agentSpaces(environmentEntry('CartPole-v1'));
const SHARD = 'shard-00000.safetensors';

/** A data set of two episodes of CartPole-v1, as bytes. */
function wholeDataSet(): { manifest: Buffer; shard: Buffer } {
  const root = sandboxRoot();
  const dir = path.join(root, 'data');
  const writer = new DataSetWriter(dir, spaces);
  for (const length of [2, 3]) {
    writer.add(
      {
        observations: new Float32Array(4 * (length + 1)).fill(0.1),
        actions: new Int32Array(length),
        rewards: new Float32Array(length).fill(1),
        ...{ terminated: true, truncated: false },
      },
      0,
    );
  }
  const counted = { episodes: 2, steps: 5, returns: { mean: 2.5, std: 0.7, min: 2, max: 3 } };
  writer.finish({
    ...{ environment: 'CartPole-v1', maze: null, distractors: 0, pixels: null, seed: 0, ...counted },
    actors: [{ name: 'random', policy: 'random', noise: 0, share: 1, run: null, ...counted }],
    made: { wmVersion: '0', gitCommit: null, gitChanges: null, node: 'v0', engine: null, command: [] },
  });
  const read = (name: string) => readFileSync(path.join(dir, name));
  const files = { manifest: read('data.json'), shard: read(SHARD) };
  rmSync(root, { recursive: true });
  return files;
}

const whole = wholeDataSet();
const { arrays } = decodeSafetensors(whole.shard);

/** An array of another kind, shape or content. */
const anyArray = fc
  .tuple(
    fc.array(fc.oneof(fc.integer({ min: -3, max: 7 }), fc.double()), { maxLength: 28 }),
    fc.constantFrom(Int32Array, Float32Array, Float64Array, Uint8Array),
    fc.boolean(),
  )
  .map(([values, Kind, nested]): NamedArray => {
    const data = Kind.from(values);
    return { shape: nested && data.length % 4 === 0 ? [data.length / 4, 4] : [data.length], data };
  });

/** A shard with another array in place of one of its own, or with none. */
const changedShards = fc
  .tuple(fc.constantFrom(...Object.keys(arrays)), fc.option(anyArray))
  .map(([name, array]) => {
    const { [name]: _, ...others } = arrays;
    return encodeSafetensors({ ...others, ...(array && { [name]: array }) }, {});
  });

/** Data sets with a damaged manifest, or with a shard that is not what it was and has the checksum that is said. */
export const dataSets: Target<{ manifest: Uint8Array; shard: Uint8Array }> = {
  name: 'data sets',
  share: 0.05,
  inputs: fc.oneof(
    fc.record({ manifest: mutationsOf([whole.manifest]), shard: fc.constant(whole.shard) }),
    fc.oneof(mutationsOf([whole.shard]), changedShards).map((shard) => ({
      manifest: Buffer.from(
        whole.manifest
          .toString()
          .replace(/(?<="sha256": ")[0-9a-f]+/, createHash('sha256').update(shard).digest('hex')),
      ),
      shard,
    })),
  ),
  run: ({ manifest, shard }, sandbox) => {
    const dir = path.join(sandbox, 'data');
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'data.json'), manifest);
    writeFileSync(path.join(dir, SHARD), shard);
    for (const heldBytes of [0, 2 ** 20]) {
      const data = new DataSet(dir, heldBytes);
      const own = agentSpaces(environmentOf(data.manifest));
      for (const [episode, length] of data.lengths.entries()) {
        data.read(episode, 0, length, emptyBatch(1, 1, length, own), 0);
      }
    }
  },
};
