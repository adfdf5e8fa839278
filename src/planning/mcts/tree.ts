/**
 * What a network says of one state of each root, in rows: [roots, latent + actions + 3], each the state's latent, the
 * logits of its policy, its value, and the reward and the discount of the step that led there, which roots have none of.
 * The discount is 0 where that step ends the episode.
 */
export type Rows = Float32Array | Float64Array;

/** Numbers of a row after latent and logits. */
const SCALARS = 3;

/** Numbers of a row. */
export const rowSize = (latent: number, actions: number): number => latent + actions + SCALARS;

/**
 * The trees of many searches that go on in lock-step, one under each root, in arrays that serve search after search.
 *
 * Node n of root r stands at r · nodes + n: the root is node 0, and node i + 1 is made by simulation i. The edge of action
 * a out of a node at i stands at i · actions + a.
 */
export class SearchTree {
  readonly roots: number;
  readonly nodes: number;
  readonly actions: number;
  readonly latentSize: number;
  /** N(s), by node */
  readonly visits: Int32Array;
  /** V(s): the mean of what was backed up through the node */
  readonly value: Float64Array;
  /** v̂(s), as the network has it */
  readonly raw: Float64Array;
  /** Number of the node above within its tree, −1 of a root */
  readonly parent: Int32Array;
  /** That leads into the node, −1 of a root */
  readonly action: Int32Array;
  /** Of the step into the node */
  readonly reward: Float64Array;
  /** γ of the step into the node, 0 where it ends the episode */
  readonly discount: Float64Array;
  /** Number of the node that an edge leads to, −1 where it is not in the tree */
  readonly child: Int32Array;
  /** By edge; p = softmax(logits) */
  readonly logits: Float64Array;
  readonly prior: Float64Array;
  /** [roots, nodes, latent] */
  readonly latent: Float32Array;

  constructor(roots: number, simulations: number, actions: number, latentSize: number) {
    this.roots = roots;
    this.nodes = simulations + 1;
    this.actions = actions;
    this.latentSize = latentSize;
    const count = roots * this.nodes;
    this.visits = new Int32Array(count);
    this.value = new Float64Array(count);
    this.raw = new Float64Array(count);
    this.parent = new Int32Array(count);
    this.action = new Int32Array(count);
    this.reward = new Float64Array(count);
    this.discount = new Float64Array(count);
    this.child = new Int32Array(count * actions);
    this.logits = new Float64Array(count * actions);
    this.prior = new Float64Array(count * actions);
    this.latent = new Float32Array(count * latentSize);
  }

  /**
   * Begins anew with the root of one tree.
   *
   * @param visits the root's count before the first simulation: 1 where its own value is in its mean, else 0
   */
  plant(root: number, rows: Rows, visits: 0 | 1): void {
    const at = root * this.nodes;
    this.#write(at, -1, -1, rows, root);
    this.visits[at] = visits;
  }

  /** Adds what an action leads to from a node as the next node, visited once; its value is not yet backed up. */
  grow(root: number, node: number, parent: number, action: number, rows: Rows): void {
    const base = root * this.nodes;
    this.#write(base + node, parent, action, rows, root);
    this.visits[base + node] = 1;
    this.child[(base + parent) * this.actions + action] = node;
  }

  #write(at: number, parent: number, action: number, rows: Rows, row: number): void {
    const { actions, latentSize } = this;
    const from = row * rowSize(latentSize, actions);
    const policy = from + latentSize;
    const scalars = policy + actions;
    const to = at * latentSize;
    // A view of each to copy costs more than the few numbers that a latent often is.
    for (let i = 0; i < latentSize; i++) this.latent[to + i] = rows[from + i]!;
    this.value[at] = this.raw[at] = rows[scalars]!;
    this.reward[at] = rows[scalars + 1]!;
    this.discount[at] = rows[scalars + 2]!;
    this.parent[at] = parent;
    this.action[at] = action;
    const edges = at * actions;
    for (let a = 0; a < actions; a++) {
      this.child[edges + a] = -1;
      this.logits[edges + a] = rows[policy + a]!;
    }
    softmax(this.logits, edges, actions, this.prior, edges);
  }

  /** Q(s, a) = r + γ V(s′) of an edge into a node. */
  edgeValue(at: number): number {
    return this.reward[at]! + this.discount[at]! * this.value[at]!;
  }
}

/** p_i = exp(x_i) / Σ_j exp(x_j) of so many numbers from one on, into another array, which may be the same. */
export function softmax(x: Float64Array, from: number, count: number, out: Float64Array, to: number): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) largest = Math.max(largest, x[from + i]!);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const power = Math.exp(x[from + i]! - largest);
    out[to + i] = power;
    sum += power;
  }
  for (let i = 0; i < count; i++) out[to + i]! /= sum;
}
