import type { ActingMode, Noise } from '../../training/acting.ts';
import type { SearchTree } from './tree.ts';

/** What a search has come to, by root. The arrays are overwritten by the next search. */
export interface Found {
  /** To be taken: [roots] */
  action: Int32Array;
  /** What the policy is to be trained towards: [roots, actions] */
  policy: Float32Array;
  /** What the root is worth: [roots] */
  value: Float32Array;
}

/** How a search goes down its trees, and what it makes of them. All that is random is drawn before it. */
export interface Rule {
  /** The root's count before the first simulation: 1 where its own value is in its mean. */
  readonly rootVisits: 0 | 1;
  /** What a search under one root is random by. */
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  /**
   * Told of a root that was planted.
   *
   * @param noise that of all roots, those of `noise` one after the other: [roots, numbers]; empty: nothing is random
   */
  begin(tree: SearchTree, root: number, noise: Float32Array): void;
  /** The action to go on with from a node in a simulation. */
  choose(tree: SearchTree, root: number, node: number, simulation: number): number;
  /** Told of Q of an edge that a simulation went along, after its value was backed up. */
  backedUp(root: number, value: number): void;
  /** Writes what was found under a root. @param temperature of actions that are sampled by visits */
  conclude(tree: SearchTree, root: number, noise: Float32Array, temperature: number, found: Found): void;
}

/** The index of the largest of so many scores, the first of equal ones. */
export function firstLargest(scores: Float64Array, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (scores[i]! > scores[best]!) best = i;
  return best;
}
