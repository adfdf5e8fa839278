import type { ActingMode, Noise } from '../../training/acting.ts';
import { MinMax } from './min-max.ts';
import { type Found, firstLargest, type Rule } from './rule.ts';
import type { PuctSettings } from './settings.ts';
import { type SearchTree, softmax } from './tree.ts';

/** The least range of values over which a node's are normalised. */
const LEAST_RANGE = 1e-8;

/**
 * MuZero's rule (Schrittwieser et al. 2020, appendix B):
 *
 *   a = argmax Q̄(s, a) + p(a | s) √N(s) / (1 + N(s, a)) · (c₁ + log((N(s) + c₂ + 1) / c₂))
 *
 * Q̄ is Q(s, a) = r + γ V(s′) normalised over all that the tree has seen, 0 where the action was not tried; or, as mctx
 * does it, over the node's own value and its tried actions, and the root counts as visited once with its own value.
 *
 * The policy's target is the share of the visits, N(a) / Σ N; actions are sampled from it at a temperature.
 */
export class Puct implements Rule {
  readonly rootVisits: 0 | 1;
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  readonly #settings: PuctSettings;
  readonly #actions: number;
  readonly #seen: MinMax;
  readonly #scores: Float64Array;

  constructor(roots: number, actions: number, settings: PuctSettings) {
    this.#settings = settings;
    this.#actions = actions;
    this.rootVisits = settings.normalised === 'tree' ? 0 : 1;
    this.noise = {
      sampled: [
        { distribution: 'log-gamma', size: actions, shape: settings.dirichlet },
        { distribution: 'gumbel', size: actions },
      ],
      greedy: [],
    };
    this.#seen = new MinMax(roots, settings.rangeFloor);
    this.#scores = new Float64Array(actions);
  }

  /** Mixes Dirichlet noise into the root's prior: p ← (1 − f) p + f η, η ~ Dir(α). */
  begin(tree: SearchTree, root: number, noise: Float32Array): void {
    this.#seen.reset(root);
    if (noise.length === 0) return;
    const { dirichletFraction: fraction } = this.#settings;
    const edges = root * tree.nodes * this.#actions;
    for (let a = 0; a < this.#actions; a++) this.#scores[a] = noise[root * 2 * this.#actions + a]!;
    // A Dirichlet vector is one of gamma variates over their sum.
    softmax(this.#scores, 0, this.#actions, this.#scores, 0);
    for (let a = 0; a < this.#actions; a++) {
      tree.prior[edges + a] = (1 - fraction) * tree.prior[edges + a]! + fraction * this.#scores[a]!;
    }
  }

  choose(tree: SearchTree, root: number, node: number): number {
    const { c1, c2 } = this.#settings;
    const at = root * tree.nodes + node;
    const visits = tree.visits[at]!;
    const exploration = Math.sqrt(visits) * (c1 + Math.log((visits + c2 + 1) / c2));
    if (this.#settings.normalised === 'tree') this.#withinTree(tree, root, node);
    else this.#withinNode(tree, root, node);
    for (let a = 0; a < this.#actions; a++) {
      const child = tree.child[at * this.#actions + a]!;
      const tried = child < 0 ? 0 : tree.visits[root * tree.nodes + child]!;
      this.#scores[a]! += (tree.prior[at * this.#actions + a]! * exploration) / (1 + tried);
    }
    return firstLargest(this.#scores, this.#actions);
  }

  #withinTree(tree: SearchTree, root: number, node: number): void {
    const base = root * tree.nodes;
    for (let a = 0; a < this.#actions; a++) {
      const child = tree.child[(base + node) * this.#actions + a]!;
      this.#scores[a] = child < 0 ? 0 : this.#seen.normalised(root, tree.edgeValue(base + child));
    }
  }

  #withinNode(tree: SearchTree, root: number, node: number): void {
    const base = root * tree.nodes;
    let least = tree.value[base + node]!;
    let largest = least;
    for (let a = 0; a < this.#actions; a++) {
      const child = tree.child[(base + node) * this.#actions + a]!;
      if (child < 0) continue;
      const value = tree.edgeValue(base + child);
      least = Math.min(least, value);
      largest = Math.max(largest, value);
    }
    const range = Math.max(largest - least, this.#settings.rangeFloor, LEAST_RANGE);
    for (let a = 0; a < this.#actions; a++) {
      const child = tree.child[(base + node) * this.#actions + a]!;
      this.#scores[a] = child < 0 ? 0 : (tree.edgeValue(base + child) - least) / range;
    }
  }

  backedUp(root: number, value: number): void {
    this.#seen.include(root, value);
  }

  conclude(tree: SearchTree, root: number, noise: Float32Array, temperature: number, found: Found): void {
    const base = root * tree.nodes;
    const simulations = tree.nodes - 1;
    const isSampled = noise.length > 0 && temperature > 0;
    for (let a = 0; a < this.#actions; a++) {
      const child = tree.child[base * this.#actions + a]!;
      const tried = child < 0 ? 0 : tree.visits[base + child]!;
      found.policy[root * this.#actions + a] = tried / simulations;
      // The largest of log N / T + g is a sample of N^(1 / T) / Σ N^(1 / T).
      this.#scores[a] = isSampled
        ? Math.log(tried) / temperature + noise[(root * 2 + 1) * this.#actions + a]!
        : tried;
    }
    found.action[root] = firstLargest(this.#scores, this.#actions);
    found.value[root] = tree.value[base]!;
  }
}
