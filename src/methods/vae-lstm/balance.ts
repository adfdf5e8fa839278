import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { weightedSum } from '../../training/reduce.ts';

const NAME = 'balance.log_variance';

/** s of L_base and of L_critic, −ln 2 at first, where the weights are 1 and λ. */
export const balanceSpecs = (): ParameterSpec[] => [
  { name: NAME, shape: [2], initialise: (_, out) => out.fill(-Math.LN2) },
];

/**
 * The critic's weight learnt as the uncertainty of its task (Kendall, Gal and Cipolla 2018, "Multi-task learning using
 * uncertainty to weigh losses", equation 7, with s = log σ²):
 *
 *   L = ½ e^(−s_b) L_base + ½ s_b + λ ½ e^(−s_c) L_critic + ½ s_c
 *
 * A loss that stays large is taken for noise and weighs less: at the minimum of s, e^s_b is L_base and e^s_c is
 * λ L_critic, so that L_critic's weight is L_base / L_critic whatever λ, which is the start alone. The sums of logarithms
 * keep the weights from falling to 0.
 *
 * @param lambda λ: [members], above 0
 * @returns L, the weight of L_critic in units of that of L_base, λ e^(s_b − s_c), and what gives both weights,
 *   ½ e^(−s_b) and λ ½ e^(−s_c), constants: each [members]
 */
export function balancedLoss(
  parameters: Parameters,
  base: tf.Tensor1D,
  critic: tf.Tensor1D,
  lambda: tf.Tensor1D,
): { loss: tf.Tensor1D; weight: tf.Tensor1D; weights: () => Record<'base' | 'critic', tf.Tensor1D> } {
  const [ofBase, ofCritic] = tf
    .split(parameters.get(NAME), 2, 1)
    .map((column) => tf.squeeze(column, [1])) as [tf.Tensor1D, tf.Tensor1D];
  const precision = (s: tf.Tensor1D) => tf.mul(tf.exp(tf.neg(s)), 0.5) as tf.Tensor1D;
  const loss = weightedSum([
    [tf.mul(precision(ofBase), base), 1],
    [ofBase, 0.5],
    [tf.mul(tf.mul(precision(ofCritic), lambda), critic), 1],
    [ofCritic, 0.5],
  ]);
  const weight = stopGradient(() => tf.mul(lambda, tf.exp(tf.sub(ofBase, ofCritic))) as tf.Tensor1D);
  const weights = () =>
    stopGradient(() => ({
      base: precision(ofBase),
      critic: tf.mul(precision(ofCritic), lambda) as tf.Tensor1D,
    }));
  return { loss, weight, weights };
}
