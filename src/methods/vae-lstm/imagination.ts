import * as tf from '@tensorflow/tfjs-core';
import { type ImaginedRewards, imaginedRewards } from '../../models/imagined-rewards.ts';
import type { VaeLstm } from '../../models/vae-lstm/model.ts';
import type { Imagination } from '../../models/world-model.ts';
import { lambdaReturn, quantileRange } from '../../training/returns.ts';
import type { ValueFunction } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';

/** Returns of imagined trajectories, rewards scaled by (1 − γ); [members, starts, horizon] each. */
export interface ImaginedReturns extends Pick<ImaginedRewards, 'weight' | 'continueProbability'> {
  /** R_t, what the actor learns from */
  returns: tf.Tensor3D;
  /** What the critic learns from; undefined for an arm without one */
  lambdaReturns: tf.Tensor3D | undefined;
}

/**
 * Returns of imagined trajectories.
 *
 *   bootstrapped:  R = λ-return with discount γ ĉ, ended by V̄
 *   otherwise:     R = Σ (Π γ ĉ) r̂ up to the horizon, without bootstrap
 *
 * @param target V̄
 */
export function imaginedReturns(
  model: VaeLstm,
  target: ValueFunction | undefined,
  imagination: Imagination,
  { gamma, critic }: VaeLstmSettings,
): ImaginedReturns {
  const { reward, continueProbability, weight } = imaginedRewards(model, imagination);
  const scaled: tf.Tensor3D = tf.mul(reward, model.valueScale);
  const discount: tf.Tensor3D = tf.mul(continueProbability, gamma);
  const lambdaReturns =
    target &&
    lambdaReturn(scaled, discount, target(imagination.nextFeatures) as tf.Tensor3D, critic.returnLambda);
  const returns = critic.bootstrapsActor
    ? lambdaReturns!
    : lambdaReturn(scaled, discount, tf.zerosLike(scaled), 1);
  return { weight, continueProbability, lambdaReturns, returns };
}

/**
 * What the actor learns from, [members, starts, horizon]:
 *
 *   bootstrapped:  A = R − V      otherwise:  A = R − mean of R over the starts
 *
 * divided by max(floor, P95 − P5 of R over starts × horizon).
 *
 * @param returns R
 * @param value V(z_t), of the same shape; undefined for an arm without a critic
 */
export function advantages(
  returns: tf.Tensor3D,
  value: tf.Tensor | undefined,
  { critic, actor }: VaeLstmSettings,
): tf.Tensor3D {
  const advantage = tf.sub(returns, critic.bootstrapsActor ? value! : tf.mean(returns, 1, true));
  const members = returns.shape[0];
  const range = quantileRange(tf.reshape(returns, [members, -1]), 0.05, 0.95);
  const scale = tf.reshape(tf.maximum(range, actor.returnRangeFloor), [members, 1, 1]);
  return tf.div(advantage, scale);
}
