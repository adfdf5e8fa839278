import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { States, WorldModel } from '../../models/world-model.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Found } from './rule.ts';
import { Search, type SearchedModel, type SearchOptions } from './search.ts';
import type { SearchSettings } from './settings.ts';
import { type Rows, rowSize } from './tree.ts';

/** What is searched in: a world model over weights, with a policy over choices, whose outputs are logits. */
export interface SearchesIn<Weights extends object, State extends States> {
  members: number;
  spaces: AgentSpaces;
  /** What verbs the model has does not depend on the weights. Its state at an observation needs no memory. */
  model(weights: Weights): SearchableModel<State>;
  /** The discount per step, as far as a continue head has not learnt it. */
  gamma: number;
}

/** What a tree search asks of a model beyond what every model has. */
export type SearchableModel<State extends States> = WorldModel<State> &
  Required<Pick<WorldModel<State>, 'stateSizes' | 'reward' | 'value' | 'policy'>>;

/**
 * Tree search in a world model, under the roots of all members in lock-step: a call of the engine for the roots and one for
 * each simulation, whatever their number. Steps and values are the likeliest; rewards and values are as the verbs have them.
 */
export class ModelSearch<Weights extends object, State extends States> {
  readonly #within: SearchesIn<Weights, State>;
  readonly #search: Search;
  readonly #roots: Compiled<{ weights: Weights; observations: tf.Tensor3D }, { rows: tf.Tensor }>;
  /** `given`: states with the actions taken there, [members, roots, latent + choices] */
  readonly #step: Compiled<{ weights: Weights; given: tf.Tensor3D }, { rows: tf.Tensor }>;

  constructor(within: SearchesIn<Weights, State>, settings: SearchSettings) {
    this.#within = within;
    this.#search = new Search(settings);
    this.#roots = new Compiled(({ weights, observations }) => {
      const model = within.model(weights);
      const state = model.start(tf.div(observations, [...within.spaces.observationScale]));
      const nothing = tf.zeros([...observations.shape.slice(0, 2)]);
      return { rows: rowsOf(model, state, nothing, nothing) };
    });
    this.#step = new Compiled(({ weights, given }) => {
      const model = within.model(weights);
      const { before, action } = unpacked(model, given, within.spaces.actions);
      const after = model.stepper()(before, action);
      const [features, nextFeatures] = [model.features(before), model.features(after)];
      const reward = model.reward({ features, action, nextFeatures });
      const discount = model.continues
        ? tf.mul(tf.sigmoid(model.continues(nextFeatures)), within.gamma)
        : tf.fill(reward.shape, within.gamma);
      return { rows: rowsOf(model, after, reward, discount) };
    });
  }

  /**
   * @param observations raw units, as many of every member: [members, roots, observation]
   * @param options noise: [members, roots, numbers]
   * @returns of all roots; overwritten by the next search under as many of them
   */
  async search(weights: Weights, observations: Float32Array, options: SearchOptions): Promise<Found> {
    const { members, spaces } = this.#within;
    const roots = observations.length / spaces.observation;
    const each = roots / members;
    const planted = await read(() =>
      this.#roots.run({
        weights,
        observations: tf.tensor3d(observations, [members, each, spaces.observation]),
      }),
    );
    const latentSize = planted.length / roots - rowSize(0, spaces.actions);
    const model: SearchedModel = {
      latentSize,
      actions: spaces.actions,
      step: (latents, actions) =>
        read(() =>
          this.#step.run({
            weights,
            given: tf.tensor3d(withActions(latents, latentSize, actions, spaces.actions), [
              members,
              each,
              latentSize + spaces.actions,
            ]),
          }),
        ),
    };
    return this.#search.run(model, roots, planted, options);
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#roots.dispose();
    this.#step.dispose();
  }
}

/** Runs something on the engine and reads its rows. */
async function read(run: () => { rows: tf.Tensor }): Promise<Rows> {
  const rows = tf.tidy(() => run().rows);
  const values = await rows.data<'float32'>();
  rows.dispose();
  return values;
}

/** What a search is to know of states, side by side: [members, roots, numbers of a row]. */
function rowsOf<State extends States>(
  model: SearchableModel<State>,
  state: State,
  reward: tf.Tensor,
  discount: tf.Tensor,
): tf.Tensor {
  const features = model.features(state);
  const parts = Object.keys(model.stateSizes).map((name) => state[name]!);
  const raw = model.value(features);
  const value = model.valueScale === 1 ? raw : tf.div(raw, model.valueScale);
  const scalars = [value, reward, discount].map((x) => tf.expandDims(x, 2));
  return tf.concat([...parts, model.policy(features), ...scalars], 2);
}

/**
 * Rows of latents, each with its choice as a one-hot vector behind it: one upload for both, and no kernels for the vectors.
 * A new array: an engine may read it later, when the next simulation has overwritten the others.
 */
function withActions(
  latents: Float32Array,
  latentSize: number,
  choices: Int32Array,
  count: number,
): Float32Array {
  const size = latentSize + count;
  const rows = new Float32Array(choices.length * size);
  for (let row = 0; row < choices.length; row++) {
    const [from, to] = [row * latentSize, row * size];
    for (let i = 0; i < latentSize; i++) rows[to + i] = latents[from + i]!;
    rows[to + latentSize + choices[row]!] = 1;
  }
  return rows;
}

/** The states that rows of `withActions` stand for, and the actions. */
function unpacked<State extends States>(
  { stateSizes }: SearchableModel<State>,
  given: tf.Tensor3D,
  actions: number,
): { before: State; action: tf.Tensor } {
  const names = Object.keys(stateSizes);
  const parts = tf.split(given, [...Object.values<number>(stateSizes), actions], 2);
  const state = Object.fromEntries(names.map((name, i) => [name, parts[i]!])) as State;
  return { before: state, action: parts.at(-1)! };
}
