import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../engine/compiled.ts';
import { reachedGradients } from '../engine/reached-gradients.ts';
import { globalNorm } from '../nn/adam.ts';
import type { ParameterLayout } from '../nn/parameters.ts';

/** The critic's loss among those that a model's parameters follow. */
export const CRITIC = 'critic';
/** The sum of all others: what the model learns by itself. */
export const OWN = 'model';
/** All modules of the model together. */
export const ALL = 'all';

/** What gradients.csv tells, beside whose it is. */
export const flowColumns = ['seed', 'env_step', 'update', 'term', 'module', 'norm', 'cosine'] as const;

/** Those of its columns that are names. */
export const FLOW_NAMES = ['term', 'module'] as const;

/** One gradient: of a loss's term, in a module, at an update. */
export interface FlowRow extends Record<string, number | string | null> {
  update: number;
  term: string;
  module: string;
  /** L2, the term's weight included. */
  norm: number;
  /** With the critic's gradient in that module; null of the critic's own, and where one of the two is 0. */
  cosine: number | null;
}

/** The gradients of one update in numbers, on the engine: [entries, members] each. */
export interface Flow {
  /** Whose each row is. A module that a term cannot reach has none, or the norm 0. */
  entries: { term: string; module: string }[];
  norms: tf.Tensor2D;
  /** Inner products with the critic's gradient. */
  products: tf.Tensor2D;
}

/**
 * Norms of the gradients of a model's losses, and their inner products with the critic's, by module: the parameters whose
 * names begin alike. Each loss is differentiated by itself, of a forward pass of its own, which is the same to the bit.
 *
 * @param layout of the model's parameters
 * @param parameters those, [members, …] each
 * @param losses computes each loss with its weight, [members], by name; the critic's is called `critic`
 */
export function flowOf(
  layout: ParameterLayout,
  parameters: readonly tf.Tensor[],
  losses: () => Record<string, tf.Tensor1D>,
): Flow {
  const modules = modulesOf(layout);
  const ofTerms = new Map<string, Reached>();
  let names: string[] | undefined;
  for (let i = 0; names === undefined || i < names.length; i++) {
    const gradients = reachedGradients(() => {
      const all = losses();
      names ??= Object.keys(all);
      return tf.sum(all[names[i]!]!);
    }, parameters);
    ofTerms.set(names![i]!, reached(layout, modules, parameters, gradients));
  }
  const critic = ofTerms.get(CRITIC);
  if (critic === undefined) throw new Error(`none of the losses ${names} is called ${CRITIC}`);
  ofTerms.delete(CRITIC);
  const own = sumOf([...ofTerms.values()]);
  const entries: Flow['entries'] = [];
  const norms: tf.Tensor[] = [];
  const products: tf.Tensor[] = [];
  for (const [term, { gradient, within }] of [...ofTerms, [OWN, own] as const, [CRITIC, critic] as const]) {
    for (const module of [...modules, ALL]) {
      if (module !== ALL && !within.has(module)) continue;
      const part = (flat: tf.Tensor2D) => (module === ALL ? flat : layout.slice(flat, module));
      entries.push({ term, module });
      norms.push(tf.squeeze(globalNorm(part(gradient)), [1]));
      products.push(tf.sum(tf.mul(part(gradient), part(critic.gradient)), 1));
    }
  }
  return { entries, norms: tf.stack(norms) as tf.Tensor2D, products: tf.stack(products) as tf.Tensor2D };
}

/** A gradient, 0 where it does not reach, and the modules that it does. */
interface Reached {
  /** [members, size] */
  gradient: tf.Tensor2D;
  within: Set<string>;
}

const moduleOf = (name: string) => name.slice(0, name.indexOf('.'));

/** The modules of a model, in order. */
const modulesOf = ({ specs }: ParameterLayout): string[] => [
  ...new Set(specs.map(({ name }) => moduleOf(name))),
];

function reached(
  layout: ParameterLayout,
  modules: readonly string[],
  parameters: readonly tf.Tensor[],
  gradients: readonly (tf.Tensor | undefined)[],
): Reached {
  const found = layout.specs.filter((_, i) => gradients[i]).map(({ name }) => moduleOf(name));
  const whole = parameters.map((parameter, i) => gradients[i] ?? tf.zerosLike(parameter));
  return {
    gradient: layout.join(whole),
    within: new Set(modules.filter((module) => found.includes(module))),
  };
}

const sumOf = (all: readonly Reached[]): Reached => ({
  gradient: tf.addN(all.map(({ gradient }) => gradient)) as tf.Tensor2D,
  within: new Set(all.flatMap(({ within }) => [...within])),
});

/** Measures the gradients of every so many-th update, from what that update is computed from, and keeps them until they are asked for. */
export class GradientFlow<Inputs extends object> {
  readonly #members: number;
  readonly #compiled: Compiled<Inputs, Flow>;
  #every: number | undefined;
  #pending: { update: number; flow: Flow }[] = [];

  /** @param measure pure, as what `Compiled` takes */
  constructor(members: number, measure: (inputs: Inputs) => Flow) {
    this.#members = members;
    this.#compiled = new Compiled(measure);
  }

  /** Has every so many-th update measured from now on; before that, none is. */
  start(every: number): void {
    this.#every = every;
  }

  /**
   * Measures an update where that is due. Reads its inputs and changes nothing.
   *
   * @param update its number, from 1
   */
  measure(update: number, inputs: Inputs): void {
    if (this.#every === undefined || update % this.#every !== 0) return;
    const flow = this.#compiled.run(inputs);
    tf.keep(flow.norms);
    tf.keep(flow.products);
    this.#pending.push({ update, flow });
  }

  /** What was measured since the call before, by member, oldest first. */
  async drain(): Promise<FlowRow[][]> {
    const rows: FlowRow[][] = Array.from({ length: this.#members }, () => []);
    for (const { update, flow } of this.#pending.splice(0)) {
      const [norms, products] = (await Promise.all([flow.norms.array(), flow.products.array()])) as [
        number[][],
        number[][],
      ];
      free(flow);
      const inCritic = (module: string) =>
        flow.entries.findIndex((entry) => entry.term === CRITIC && entry.module === module);
      for (const [i, { term, module }] of flow.entries.entries()) {
        const critic = norms[inCritic(module)];
        for (const [member, own] of rows.entries()) {
          const norm = norms[i]![member]!;
          const cosine =
            term === CRITIC ? null : cosineOf(products[i]![member]!, norm, critic?.[member] ?? 0);
          own.push({ update, term, module, norm: rounded(norm), cosine });
        }
      }
    }
    return rows;
  }

  dispose(): void {
    for (const { flow } of this.#pending.splice(0)) free(flow);
    this.#compiled.dispose();
  }
}

const free = ({ norms, products }: Flow) => tf.dispose([norms, products]);

/** Rounding may leave the quotient a little beyond 1. */
function cosineOf(product: number, norm: number, other: number): number | null {
  if (norm === 0 || other === 0) return null;
  return rounded(Math.max(-1, Math.min(1, product / (norm * other))));
}

/** Values that were float32: 8 significant digits say all there is. */
const rounded = (value: number) => Number(value.toPrecision(8));
