import type { Noise } from '../../training/acting.ts';
import { Gumbel } from './gumbel.ts';
import { Puct } from './puct.ts';
import type { Found, Rule } from './rule.ts';
import type { SearchSettings } from './settings.ts';
import { type Rows, SearchTree } from './tree.ts';

/** What a search asks of a model, of all roots at once. */
export interface SearchedModel {
  /** Numbers of a latent. */
  readonly latentSize: number;
  readonly actions: number;
  /**
   * Where an action leads from a state of each root.
   *
   * @param latents [roots, latent]; overwritten by the next call
   * @param actions [roots]; likewise
   */
  step(latents: Float32Array, actions: Int32Array): Promise<Rows>;
}

/** What a search is given besides the roots. */
export interface SearchOptions {
  /** From `searchNoise`, of each root: [roots, numbers]; empty: the search is greedy */
  noise: Float32Array;
  /** Of the actions that pUCT samples; 0: the most visited one */
  temperature: number;
}

/** What a search under one root is random by, where actions are sampled; a greedy one is not random. */
export const searchNoise = (settings: SearchSettings, actions: number): readonly Noise[] =>
  ruleOf(settings, 0, actions).noise.sampled;

function ruleOf(settings: SearchSettings, roots: number, actions: number): Rule {
  return settings.name === 'gumbel'
    ? new Gumbel(roots, actions, settings)
    : new Puct(roots, actions, settings);
}

/** What serves searches under so many roots. */
interface Workspace {
  roots: number;
  tree: SearchTree;
  rule: Rule;
  found: Found;
  /** Where each simulation ends: the node that it leaves, the action and the latent there. */
  leaving: Int32Array;
  actions: Int32Array;
  latents: Float32Array;
}

/**
 * Monte Carlo tree search in a model, under many roots in lock-step: every simulation goes down each tree to an edge that
 * is not in it, asks the model once where all these lead, and backs the values up,
 *
 *   V(s) ← (N V + G) / (N + 1)    N ← N + 1    G ← r + γ G
 *
 * so that a search takes as many calls of the model as simulations, whatever the number of roots.
 */
export class Search {
  readonly #settings: SearchSettings;
  readonly #workspaces = new Map<number, Workspace>();

  constructor(settings: SearchSettings) {
    this.#settings = settings;
  }

  /**
   * @param roots what the network says of each root; rewards and discounts there are not read
   * @returns overwritten by the next search under as many roots
   */
  async run(
    model: SearchedModel,
    count: number,
    roots: Rows,
    { noise, temperature }: SearchOptions,
  ): Promise<Found> {
    const work = this.#workspace(model, count);
    const { tree, rule, found } = work;
    for (let root = 0; root < count; root++) {
      tree.plant(root, roots, rule.rootVisits);
      rule.begin(tree, root, noise);
    }
    for (let simulation = 0; simulation < this.#settings.simulations; simulation++) {
      for (let root = 0; root < count; root++) descend(work, root, simulation);
      const rows = await model.step(work.latents, work.actions);
      for (let root = 0; root < count; root++) {
        tree.grow(root, simulation + 1, work.leaving[root]!, work.actions[root]!, rows);
        backUp(tree, rule, root, simulation + 1);
      }
    }
    for (let root = 0; root < count; root++) rule.conclude(tree, root, noise, temperature, found);
    return found;
  }

  /** The trees of the last search under so many roots. Throws an Error where there was none, which is a bug. */
  tree(roots: number): SearchTree {
    const work = this.#workspaces.get(roots);
    if (!work) throw new Error(`nothing was searched under ${roots} roots`);
    return work.tree;
  }

  #workspace({ latentSize, actions }: SearchedModel, roots: number): Workspace {
    const known = this.#workspaces.get(roots);
    if (known) return known;
    const made = {
      roots,
      tree: new SearchTree(roots, this.#settings.simulations, actions, latentSize),
      rule: ruleOf(this.#settings, roots, actions),
      found: {
        action: new Int32Array(roots),
        policy: new Float32Array(roots * actions),
        value: new Float32Array(roots),
      },
      leaving: new Int32Array(roots),
      actions: new Int32Array(roots),
      latents: new Float32Array(roots * latentSize),
    };
    this.#workspaces.set(roots, made);
    return made;
  }
}

/** Goes down one tree to an edge that is not in it. */
function descend(
  { tree, rule, leaving, actions, latents }: Workspace,
  root: number,
  simulation: number,
): void {
  const base = root * tree.nodes;
  let node = 0;
  for (;;) {
    const action = rule.choose(tree, root, node, simulation);
    const child = tree.child[(base + node) * tree.actions + action]!;
    if (child < 0) {
      leaving[root] = node;
      actions[root] = action;
      const { latent, latentSize } = tree;
      const [from, to] = [(base + node) * latentSize, root * latentSize];
      // A view of each to copy costs more than the few numbers that a latent often is.
      for (let i = 0; i < latentSize; i++) latents[to + i] = latent[from + i]!;
      return;
    }
    node = child;
  }
}

/** Backs the value of a new leaf up to its root. */
function backUp(tree: SearchTree, rule: Rule, root: number, leaf: number): void {
  const base = root * tree.nodes;
  let at = base + leaf;
  let value = tree.value[at]!;
  for (let parent = tree.parent[at]!; parent >= 0; parent = tree.parent[at]!) {
    rule.backedUp(root, tree.edgeValue(at));
    value = tree.reward[at]! + tree.discount[at]! * value;
    at = base + parent;
    const visits = tree.visits[at]!;
    tree.value[at] = (tree.value[at]! * visits + value) / (visits + 1);
    tree.visits[at] = visits + 1;
  }
}
