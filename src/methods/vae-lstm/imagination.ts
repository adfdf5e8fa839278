import * as tf from '@tensorflow/tfjs-core';
import type { Imagination } from '../../models/roll-out.ts';
import { continueLogit, predictReward, type ValueFunction } from '../../models/vae-lstm/heads.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { lambdaReturn, quantileRange } from '../../training/returns.ts';
import type { VaeLstmSettings } from './settings.ts';

/** What the actor and the critic learn from; every tensor but the range is [members, starts, horizon]. */
export interface ImaginedReturns {
  /** w_t: the product of the continue probabilities before t */
  weight: tf.Tensor3D;
  /** ĉ_{t+1} */
  continueProbability: tf.Tensor3D;
  /** R_t, rewards scaled by (1 − γ) */
  returns: tf.Tensor3D;
  /** A_t, divided by the range of returns */
  advantage: tf.Tensor3D;
}

/**
 * Returns and advantages of imagined trajectories.
 *
 *   bootstrapped:  R = λ-return with discount γ ĉ, ended by V̄;             A = R − V
 *   otherwise:     R = Σ (Π γ ĉ) r̂ up to the horizon, without bootstrap;   A = R − mean of R over the starts
 *
 * Both advantages are divided by max(floor, P95 − P5 of R over starts × horizon).
 *
 * @param valueOfLatent V(z_t), [members, starts, horizon]; undefined for an arm without a critic
 * @param target V̄
 */
export function imaginedReturns(
  model: Parameters,
  target: ValueFunction | undefined,
  imagination: Imagination,
  valueOfLatent: tf.Tensor | undefined,
  settings: VaeLstmSettings,
): ImaginedReturns & { lambdaReturns: tf.Tensor3D | undefined } {
  const { gamma, critic, actor } = settings;
  const { nextLatent } = imagination;
  const reward: tf.Tensor3D = tf.mul(predictReward(model, nextLatent), 1 - gamma);
  const continueProbability = (
    settings.model.continueHead
      ? tf.sigmoid(continueLogit(model, settings.model.hidden.length, nextLatent))
      : tf.onesLike(reward)
  ) as tf.Tensor3D;
  const discount: tf.Tensor3D = tf.mul(continueProbability, gamma);
  const lambdaReturns = target
    ? lambdaReturn(reward, discount, target(nextLatent) as tf.Tensor3D, critic.returnLambda)
    : undefined;

  let returns: tf.Tensor3D;
  let advantage: tf.Tensor3D;
  if (critic.bootstrapsActor) {
    returns = lambdaReturns!;
    advantage = tf.sub(returns, valueOfLatent!);
  } else {
    returns = lambdaReturn(reward, discount, tf.zerosLike(reward), 1);
    advantage = tf.sub(returns, tf.mean(returns, 1, true));
  }
  const members = returns.shape[0];
  const range = quantileRange(tf.reshape(returns, [members, -1]), 0.05, 0.95);
  const scale = tf.reshape(tf.maximum(range, actor.returnRangeFloor), [members, 1, 1]);
  const scaledAdvantage: tf.Tensor3D = tf.div(advantage, scale);
  return {
    weight: tf.cumprod(continueProbability, 2, true) as tf.Tensor3D,
    continueProbability,
    returns,
    lambdaReturns,
    advantage: scaledAdvantage,
  };
}
