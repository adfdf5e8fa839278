import type { ActingMode, Noise } from '../../training/acting.ts';
import { type Found, firstLargest, type Rule } from './rule.ts';
import { consideredVisits } from './sequential-halving.ts';
import type { GumbelSettings } from './settings.ts';
import { type SearchTree, softmax } from './tree.ts';

/** A candidate's score is at least this, so that one with the count that is due comes before those without. */
const LEAST_SCORE = -1e9;
/** Candidates at the root, where a config does not say how many: mctx's default. */
const AUTO_CONSIDERED = 16;
/** Stands for a probability of 0 where it is divided by. */
const LEAST_PROBABILITY = 1e-30;
/** The least range that completed values are divided by. */
const LEAST_RANGE = 1e-8;

/**
 * Gumbel MuZero's rule (Danihelka et al. 2022): at the root, sequential halving among the actions of the largest
 * g + logits + σ(q̂), g ~ Gumbel(0); below it, without noise,
 *
 *   a = argmax π′(a) − N(a) / (1 + Σ_b N(b))      π′ = softmax(logits + σ(q̂))
 *
 * q̂ is Q completed: that of tried actions, and of the others v_mix, which mixes v̂(s) with what the tried ones say,
 *
 *   v_mix = (v̂ + Σ N · Σ_tried p Q / Σ_tried p) / (1 + Σ N)
 *   σ(q) = (c_visit + max_b N(b)) c_scale q
 *
 * with q̂ rescaled to [0, 1] over the node, its range being `rangeFloor` at least. The policy's target is π′ at the root.
 */
export class Gumbel implements Rule {
  readonly rootVisits = 1;
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  readonly #settings: GumbelSettings;
  readonly #actions: number;
  readonly #due: Int32Array;
  /** By root: g, 0 where nothing is random. */
  readonly #gumbel: Float64Array;
  /** Of the node looked at, by action: N, q̂, σ(q̂) and what is compared. */
  readonly #tried: Int32Array;
  readonly #completed: Float64Array;
  readonly #sigma: Float64Array;
  readonly #scores: Float64Array;
  /** Of the node looked at: Σ N and max N of its actions. */
  #sum = 0;
  #most = 0;

  constructor(roots: number, actions: number, settings: GumbelSettings) {
    this.#settings = settings;
    this.#actions = actions;
    this.noise = { sampled: [{ distribution: 'gumbel', size: actions }], greedy: [] };
    const most = settings.considered === 'auto' ? AUTO_CONSIDERED : settings.considered;
    this.#due = consideredVisits(Math.min(most, actions), settings.simulations);
    this.#gumbel = new Float64Array(roots * actions);
    this.#tried = new Int32Array(actions);
    this.#completed = new Float64Array(actions);
    this.#sigma = new Float64Array(actions);
    this.#scores = new Float64Array(actions);
  }

  begin(_tree: SearchTree, root: number, noise: Float32Array): void {
    const [from, to] = [root * this.#actions, (root + 1) * this.#actions];
    if (noise.length === 0) this.#gumbel.fill(0, from, to);
    else this.#gumbel.set(noise.subarray(from, to), from);
  }

  choose(tree: SearchTree, root: number, node: number, simulation: number): number {
    this.#lookAt(tree, root, node);
    if (node === 0) {
      this.#score(tree, root, this.#due[simulation]!);
      return firstLargest(this.#scores, this.#actions);
    }
    this.#improve(tree, root, node);
    const sum = this.#sum;
    for (let a = 0; a < this.#actions; a++) this.#scores[a]! -= this.#tried[a]! / (1 + sum);
    return firstLargest(this.#scores, this.#actions);
  }

  backedUp(): void {}

  conclude(tree: SearchTree, root: number, _noise: Float32Array, _temperature: number, found: Found): void {
    const base = root * tree.nodes;
    this.#lookAt(tree, root, 0);
    this.#score(tree, root, this.#most);
    found.action[root] = firstLargest(this.#scores, this.#actions);
    this.#improve(tree, root, 0);
    found.policy.set(this.#scores, root * this.#actions);
    found.value[root] =
      this.#settings.rootValue === 'mean'
        ? tree.value[base]!
        : this.#scores.reduce((sum, p, a) => sum + p * this.#completed[a]!, 0);
  }

  /** g + logits − max logits + σ(q̂) of the root's actions with so many visits; the others are out. */
  #score(tree: SearchTree, root: number, visits: number): void {
    const edges = root * tree.nodes * this.#actions;
    let largest = Number.NEGATIVE_INFINITY;
    for (let a = 0; a < this.#actions; a++) largest = Math.max(largest, tree.logits[edges + a]!);
    for (let a = 0; a < this.#actions; a++) {
      const score =
        this.#gumbel[root * this.#actions + a]! + tree.logits[edges + a]! - largest + this.#sigma[a]!;
      this.#scores[a] = this.#tried[a] === visits ? Math.max(LEAST_SCORE, score) : Number.NEGATIVE_INFINITY;
    }
  }

  /** π′ of a node that was looked at. */
  #improve(tree: SearchTree, root: number, node: number): void {
    const edges = (root * tree.nodes + node) * this.#actions;
    for (let a = 0; a < this.#actions; a++) this.#scores[a] = tree.logits[edges + a]! + this.#sigma[a]!;
    softmax(this.#scores, 0, this.#actions, this.#scores, 0);
  }

  /** N, q̂ and σ(q̂) of a node's actions, Σ N and max N. */
  #lookAt(tree: SearchTree, root: number, node: number): void {
    const base = root * tree.nodes;
    const edges = (base + node) * this.#actions;
    let sum = 0;
    let most = 0;
    let weight = 0;
    let weighted = 0;
    for (let a = 0; a < this.#actions; a++) {
      const child = tree.child[edges + a]!;
      const tried = child < 0 ? 0 : tree.visits[base + child]!;
      this.#tried[a] = tried;
      if (child < 0) continue;
      const value = tree.edgeValue(base + child);
      this.#completed[a] = value;
      sum += tried;
      most = Math.max(most, tried);
      const prior = Math.max(tree.prior[edges + a]!, LEAST_PROBABILITY);
      weight += prior;
      weighted += prior * value;
    }
    this.#sum = sum;
    this.#most = most;
    const ofTried = weight > 0 ? weighted / weight : 0;
    const mixed = (tree.raw[base + node]! + sum * ofTried) / (1 + sum);
    let least = Number.POSITIVE_INFINITY;
    let largest = Number.NEGATIVE_INFINITY;
    for (let a = 0; a < this.#actions; a++) {
      if (this.#tried[a] === 0) this.#completed[a] = mixed;
      least = Math.min(least, this.#completed[a]!);
      largest = Math.max(largest, this.#completed[a]!);
    }
    const { visitOffset, valueScale, rescaled, rangeFloor } = this.#settings;
    const scale = (visitOffset + most) * valueScale;
    const range = Math.max(largest - least, rangeFloor, LEAST_RANGE);
    for (let a = 0; a < this.#actions; a++) {
      const value = this.#completed[a]!;
      this.#sigma[a] = scale * (rescaled ? (value - least) / range : value);
    }
  }
}
