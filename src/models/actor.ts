import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../engine/compiled.ts';
import { oneHot } from '../engine/one-hot.ts';
import { numberedLayers } from '../nn/linear.ts';
import { mlp, mlpLayers, mlpSpecs } from '../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../nn/parameters.ts';

/** The last layer starts near zero: a policy that is uniform at first. */
const LAST_SCALE = 0.01;

export const actorSpecs = (latent: number, hidden: readonly number[], actions: number): ParameterSpec[] =>
  mlpSpecs('actor', latent, hidden, actions, LAST_SCALE);

/** log π(a | z) up to a constant per state: [members, …, latent] -> [members, …, actions]. The latent is a constant to it. */
export function policyLogits(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return mlp(parameters, 'actor', hiddenLayers, latent, false);
}

/** The actor's layers as an engine's roll-out takes them. */
export const actorLayers = (parameters: Parameters, hiddenLayers: number): Record<string, tf.Tensor> =>
  numberedLayers(mlpLayers(parameters, 'actor', hiddenLayers));

/** log π(a | z) of every discrete action: [members, …, latent] -> [members, …, actions]. The latent is a constant to it. */
export function logPolicy(parameters: Parameters, hiddenLayers: number, latent: tf.Tensor): tf.Tensor {
  return tf.logSoftmax(policyLogits(parameters, hiddenLayers, latent));
}

/**
 * onehot(a) of a sample a ~ π by the Gumbel-max trick: argmax(log π + g), g_i = −log(−log u_i).
 *
 * @param logits [members, batch, actions]; unnormalised will do
 * @param gumbel noise of the same shape; zeros make the choice greedy
 */
export function sampleAction(logits: tf.Tensor, gumbel: tf.Tensor): tf.Tensor {
  return oneHot(tf.argMax(tf.add(logits, gumbel), -1), logits.shape.at(-1)!);
}

/** What a choice of actions is computed from. */
interface Choice<Weights> {
  weights: Weights;
  /** [members, environments, observation] */
  observations: tf.Tensor3D;
  /** Noise, [members, environments, actions]; without it the choice is greedy. */
  gumbel: tf.Tensor3D | undefined;
}

/** Acts for an agent: actions sampled where there is noise (by the Gumbel-max trick), else the likeliest. */
export class Acting<Weights extends object> {
  readonly #members: number;
  readonly #observation: number;
  readonly #choose: Compiled<Choice<Weights>, { actions: tf.Tensor }>;

  /**
   * @param observation elements of an observation
   * @param logits the policy's, up to a constant per state: [members, environments, actions]
   */
  constructor(
    members: number,
    observation: number,
    logits: (weights: Weights, observations: tf.Tensor3D) => tf.Tensor,
  ) {
    this.#members = members;
    this.#observation = observation;
    this.#choose = new Compiled(({ weights, observations, gumbel }) => {
      const scores = logits(weights, observations);
      return { actions: tf.argMax(gumbel ? tf.add(scores, gumbel) : scores, -1) };
    });
  }

  /** @returns [members, environments] */
  async choose(weights: Weights, observations: Float32Array, gumbel?: Float32Array): Promise<Int32Array> {
    const environments = observations.length / (this.#members * this.#observation);
    const upload = (values: Float32Array) =>
      tf.tensor3d(values, [this.#members, environments, values.length / (this.#members * environments)]);
    const chosen = tf.tidy(
      () =>
        this.#choose.run({
          weights,
          observations: upload(observations),
          gumbel: gumbel && upload(gumbel),
        }).actions,
    );
    const actions = await chosen.data<'int32'>();
    chosen.dispose();
    return actions;
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#choose.dispose();
  }
}
