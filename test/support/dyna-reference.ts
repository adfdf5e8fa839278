import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** A run of a tabular agent, recorded from a program in Python and equal in another one in JavaScript. */
export interface Trace {
  seed: number;
  maze: 'dyna' | 'blocking';
  n: number;
  alpha: number;
  gamma: number;
  epsilon: number;
  kappa?: number;
  trace: {
    t: number;
    s: number;
    a: number;
    r: number;
    next: number;
    /** The two uniforms of the choice. */
    u: [number, number];
    /** [state, action] of every planning update, in order. */
    planned: [number, number][];
    /** Of all of Q, after the step. */
    sumQ: number;
  }[];
  /** Steps of the episodes. */
  lengths: number[];
  /** At the end: [states, actions] */
  Q: number[][];
}

/** Traces, and curves over 30 seeds, of tabular Dyna. */
export const dynaReference: {
  mulberry32: { seed: number; uniforms: number[] };
  traces: Record<'q-learning' | 'dyna-q' | 'dyna-q-plus' | 'bonus-in-action', Trace>;
  curves: { curves: Record<string, { mean: number[]; perSeedTotal: number[] }> };
  changing: { runs: Record<string, { meanEvery100: number[]; final: number[] }> };
} = JSON.parse(
  gunzipSync(readFileSync(new URL('../fixtures/dyna.json.gz', import.meta.url))).toString('utf8'),
);

/** The generator of the reference: mulberry32, its state a uint32. */
export function mulberry32(seed: number): { uniform: () => number } {
  let state = seed >>> 0;
  return {
    uniform: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
