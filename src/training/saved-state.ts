import { UserError } from '../errors.ts';
import { RandomStream } from '../random/stream.ts';
import type { AgentState } from './agent.ts';
import type { NamedArray } from './state.ts';
import { savedArray } from './weights.ts';

/**
 * Makes sure that a saved state fits where it is about to be loaded. A checkpoint may come from elsewhere: from a run of
 * another config, from another version, or made up.
 *
 * @param seed whose state it is, for the message
 * @param fresh the state before anything is loaded: which arrays there are, their types and shapes (an extent that is 0
 *   in it may have grown), and which streams
 * @throws UserError naming the first array or stream that does not fit.
 */
export function requireFitting(seed: number, saved: AgentState, fresh: AgentState): void {
  for (const [name, expected] of Object.entries(fresh.arrays)) {
    const found = savedArray(saved.arrays, name);
    if (!found || !fits(found, expected)) {
      refuse(seed, `its array ${name} is ${found ? typeOf(found) : 'missing'}, not ${typeOf(expected)}`);
    }
  }
  for (const name of Object.keys(fresh.streams)) {
    const found = Object.hasOwn(saved.streams, name) ? saved.streams[name] : undefined;
    if (!found) refuse(seed, `its random stream ${name} is missing`);
    whereValid(seed, () => RandomStream.fromState(found));
  }
}

/**
 * Loads a state by `load`.
 *
 * @throws UserError when a value is out of its range (a RangeError): then it was saved by nobody.
 */
export function whereValid(seed: number, load: () => void): void {
  try {
    load();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    refuse(seed, error.message);
  }
}

function fits({ shape, data }: NamedArray, expected: NamedArray): boolean {
  return (
    data.constructor === expected.data.constructor &&
    shape.length === expected.shape.length &&
    expected.shape.every((extent, i) => extent === 0 || extent === shape[i])
  );
}

function typeOf({ shape, data }: NamedArray): string {
  return `${data.constructor.name.replace('Array', '').toLowerCase()} [${shape.join(', ')}]`;
}

function refuse(seed: number, why: string): never {
  throw new UserError(
    `the checkpoint of seed ${seed} is of another config or damaged (${why}); use the wm that made it, or move that seed's folder away to train it from the start`,
  );
}
