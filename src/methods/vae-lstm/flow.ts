import * as tf from '@tensorflow/tfjs-core';
import type { Windows } from '../../models/windows.ts';
import { CRITIC, type Flow, flowOf } from '../../training/gradient-flow.ts';
import { weightedSum } from '../../training/reduce.ts';
import { factorOf } from './gradnorm.ts';
import { baseWeights } from './losses.ts';
import { type Networks, targetCritic, type Weights } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';
import { type LossTerm, type MemberScalars, modelLoss } from './update.ts';

/**
 * The gradients of an update's losses on real transitions, by module of the world model. The critic's is what it is, or
 * would be, with `critic.shapesModel`.
 *
 * @param posterior ε of the posterior samples
 */
export function modelFlow(
  networks: Networks,
  weights: Pick<Weights, 'model' | 'target' | 'gradNorm'>,
  windows: Windows,
  posterior: tf.Tensor,
  { beta, lambda: initial }: Pick<MemberScalars, 'beta' | 'lambda'>,
  settings: VaeLstmSettings,
): Flow {
  const shaping = { ...settings, critic: { ...settings.critic, shapesModel: true } };
  const target = targetCritic(networks, weights.target!, settings);
  const lambda = weights.gradNorm ? tf.mul<tf.Tensor1D>(initial, factorOf(weights.gradNorm)) : initial;
  const all = networks.model.split(weights.model.parameters);
  const parameters = networks.model.named(all);
  const layout = networks.model.without(['critic', 'balance']);
  return flowOf(
    layout,
    layout.specs.map(({ name }) => parameters.get(name)),
    () => {
      const real = modelLoss(parameters, networks.vae, target, windows, posterior, { beta, lambda }, shaping);
      const { base, critic } = real.weights();
      const weigh = (name: string, weight: tf.Tensor1D | number) =>
        weightedSum([[real.terms[name as LossTerm] as tf.Tensor1D, weight]]);
      const own = Object.entries(baseWeights(beta, settings)).map(
        ([name, weight]) => [name, weightedSum([[weigh(name, weight), base]])] as const,
      );
      return { ...Object.fromEntries(own), [CRITIC]: weigh(CRITIC, critic) };
    },
  );
}
