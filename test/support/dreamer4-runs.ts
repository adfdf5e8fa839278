import assert from 'node:assert/strict';
import { collectData } from '../../src/experiment/collect-data.ts';
import { parseMix } from '../../src/experiment/mix.ts';

/** What is small of a Dreamer 4 of vectors. */
export const tinyDreamer4 = {
  ...{ phases: { dynamics: 6, agent: 6 }, sequence: 4, batch: 4 },
  model: { width: 4, heads: 1, hidden: 6, layers: 'ST', context: 2 },
  shortcut: { levels: 4 },
  agent: { hidden: [5], distances: 2, bins: 5 },
  imagination: { starts: 3, horizon: 2, samplingSteps: 2, valueWarmUp: 2 },
  optimizer: { warmUp: 2 },
};

/** A config with such keys, one phase after the other in six updates each. */
export const dreamer4Config = (data: string, steps: number, keys: object, heldOut = 0): string => `
method: dreamer4
name: tiny
engine: wasm
data: ${data}
steps: ${steps}
seeds: [1]
logEvery: 5
heldOut: ${heldOut}
evaluation: { every: 6, episodes: 2 }
${Object.entries(keys)
  .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  .join('\n')}`;

/** Collects a data set by a mix of policies of the environment's own. */
export function collectMix(out: string, environment: string, steps: number, mix: readonly string[]) {
  const made = { wmVersion: '0', gitCommit: null, gitChanges: null, node: 'v0', command: ['wm'] };
  return collectData(
    {
      ...{ out, runs: new Map(), mix: parseMix([...mix], []), environment, steps },
      ...{ seed: 0, policySeed: undefined, engine: 'wasm', made },
    },
    assert.fail,
  );
}
