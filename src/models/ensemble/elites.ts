import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { type ParameterLayout, Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type Ensemble, ensembleModel } from './model.ts';
import type { EnsembleSettings, TrajectorySampling } from './settings.ts';

/** What an ensemble and its best networks are made of: [members, …] each. */
export interface EliteWeights {
  model: tf.Tensor2D;
  standardisation: tf.Tensor2D;
  /** Numbers of networks. */
  elites: tf.Tensor2D;
}

/** The ensemble of the best networks alone; see `ensembleModel`. */
export const eliteModel = (
  layout: ParameterLayout,
  { model, standardisation, elites }: EliteWeights,
  settings: EnsembleSettings,
  spaces: AgentSpaces,
  sampling?: TrajectorySampling,
): Ensemble =>
  ensembleModel(
    elitesOf(layout, model, settings.networks, elites),
    standardisation,
    { ...settings, networks: elites.shape[1] },
    spaces,
    sampling,
  );

/**
 * Some of an ensemble's networks, with parameters as an ensemble of those alone has.
 *
 * @param layout of all networks
 * @param flat their parameters: [members, size]
 * @param elites numbers of the chosen ones: [members, count]
 */
export function elitesOf(
  layout: ParameterLayout,
  flat: tf.Tensor2D,
  networks: number,
  elites: tf.Tensor2D,
): Parameters {
  const [members, count] = elites.shape;
  const chosen = oneHot(tf.cast(elites, 'int32'), networks);
  const own = layout.split(flat);
  return new Parameters(
    new Map(
      layout.specs.map(({ name }, i) => {
        const x = own[i]!;
        if (isShared(name)) return [name, x];
        // A sum of one number and zeros is that number, to the bit.
        const picked = tf.matMul(chosen, tf.reshape(x, [members, networks, -1]));
        return [name, tf.reshape(picked, [members, count, ...x.shape.slice(2)])];
      }),
    ),
  );
}

/** Whether all networks have one of it: the bounds of log σ². */
const isShared = (name: string) => name.endsWith('_log_variance');

/**
 * The networks of least error, the best first.
 *
 * @param errors one per network
 */
export const bestNetworks = (errors: ArrayLike<number>, count: number): number[] =>
  Array.from(errors, (_, network) => network)
    .sort((a, b) => errors[a]! - errors[b]! || a - b)
    .slice(0, count);
