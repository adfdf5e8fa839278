import * as tf from '@tensorflow/tfjs-core';
import { lambdaReturn } from '../../training/returns.ts';

/** A roll-out's steps in order, [members, environments, time] each. */
export interface RolloutSteps {
  reward: tf.Tensor3D;
  /** 1 where o′ is terminal */
  terminated: tf.Tensor3D;
  /** 1 where o starts an episode, so that the step before ended one */
  first: tf.Tensor3D;
}

/**
 * The generalised advantage estimate (Schulman et al. 2016) and the critic's target R = A + V(o):
 *
 *   δ_t = r_t + γ (1 − terminated_t) V(o′_t) − V(o_t)      A_t = δ_t + γ λ (1 − ended_t) A_{t+1}
 *
 * An episode that is cut short, by a time limit or by the roll-out's end, ends the sum too, but still has the value of
 * the observation it was left in. R is the λ-return in which γ V(o′) of an episode cut short counts as a reward.
 *
 * @param value V(o): [members, environments, time]
 * @param nextValue V(o′), at an episode's end of the last observation: [members, environments, time]
 * @returns [members, environments, time] each
 */
export function generalisedAdvantage(
  { reward, terminated, first }: RolloutSteps,
  value: tf.Tensor3D,
  nextValue: tf.Tensor3D,
  gamma: number,
  lambda: number,
): { advantage: tf.Tensor3D; returns: tf.Tensor3D } {
  const last = first.shape[2] - 1;
  const from = (x: tf.Tensor3D, start: number) => tf.slice(x, [0, 0, start], [-1, -1, -1]);
  // The roll-out's last step needs no mark of a cut: nothing follows it.
  const ended = tf.concat([from(first, 1), from(terminated, last)], 2) as tf.Tensor3D;
  const cutShort = tf.sub(ended, terminated);
  const returns = lambdaReturn(
    tf.add(reward, tf.mul(tf.mul(cutShort, nextValue), gamma)),
    tf.mul(tf.sub(1, ended), gamma),
    nextValue,
    lambda,
  );
  return { advantage: tf.sub(returns, value), returns };
}
