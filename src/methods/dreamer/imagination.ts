import * as tf from '@tensorflow/tfjs-core';
import type { PolicyHead } from '../../models/policy-head.ts';
import { rollOut } from '../../models/roll-out.ts';
import type { RssmState } from '../../models/rssm/dynamics.ts';
import type { Rssm } from '../../models/rssm/model.ts';
import type { Imagination } from '../../models/world-model.ts';
import { lambdaReturn } from '../../training/returns.ts';
import type { DreamerSettings } from './settings.ts';

/** What imagination is sampled with. */
export interface ImaginationNoise {
  /** Of the actions: [members, starts, horizon, numbers of the head's `noise`] */
  action: tf.Tensor4D;
  /** Of the prior: [members, starts, horizon, numbers of `stepNoise`] */
  step: tf.Tensor4D;
}

/** Trajectories s_0 … s_H of the model's own policy. */
export interface Dream extends Imagination {
  /** All of them: [members, starts, horizon + 1, features] */
  states: tf.Tensor;
}

/** Imagines from the start states, [members, starts, …] each. */
export function dream(model: Rssm, head: PolicyHead, start: RssmState, noise: ImaginationNoise): Dream {
  return withStates(rollOut(model, start, { head, noise: noise.action }, noise.step));
}

/** An imagination with all of its states in one tensor. */
export function withStates(imagination: Imagination): Dream {
  const { features, nextFeatures } = imagination;
  const [members, starts, , size] = features.shape as [number, number, number, number];
  const first = tf.slice(features, [0, 0, 0, 0], [members, starts, 1, size]);
  return { ...imagination, states: tf.concat([first, nextFeatures], 2) };
}

/** γ as far as ĉ has not learnt it: 1 where it has. */
export const ownDiscount = ({ gamma, discountInContinue, model }: DreamerSettings): number =>
  discountInContinue && model.continueHead ? 1 : gamma;

/** What the model foresees along a dream. */
export interface Foreseen {
  /** r̂ on arriving at s_1 … s_H, times `valueScale`: [members, starts, horizon] */
  reward: tf.Tensor3D;
  /** d of arriving there, γ included: [members, starts, horizon] */
  discount: tf.Tensor3D;
  /** w_t of s_0 … s_{H−1}, the probability that the dream is still going on: [members, starts, horizon] */
  weight: tf.Tensor3D;
}

/**
 * Rewards, discounts and weights along a dream. With ĉ_t the predicted probability of going on,
 *
 *   d_t = ĉ_t, which has learnt γ, or γ ĉ_t, or γ      w_t = Π_{i=0..t} d_i, without the γ of the start
 *
 * w contains the start's own ĉ_0, which silences dreams that begin where an episode has ended.
 */
export function foresee(model: Rssm, { states, nextFeatures }: Dream, settings: DreamerSettings): Foreseen {
  const reward = tf.mul(model.reward({ nextFeatures }), model.valueScale) as tf.Tensor3D;
  const [members, starts, horizon] = reward.shape;
  const own = ownDiscount(settings);
  const all = model.continues
    ? tf.mul(tf.sigmoid(model.continues(states)), own)
    : tf.fill([members, starts, horizon + 1], own);
  const weight = tf.div(tf.cumprod(all, 2), own);
  return {
    reward,
    discount: tf.slice(all, [0, 0, 1], [members, starts, horizon]) as tf.Tensor3D,
    weight: tf.slice(weight, [0, 0, 0], [members, starts, horizon]) as tf.Tensor3D,
  };
}

/** Returns of dreams, [members, starts, horizon] each. */
export interface DreamReturns {
  /** What the actor learns from. */
  returns: tf.Tensor3D;
  /** What the critic learns from. */
  lambdaReturns: tf.Tensor3D;
}

/**
 *   bootstrapped:  R_t = r_{t+1} + d_{t+1} ((1 − λ) v_{t+1} + λ R_{t+1}),  R_H = v_H
 *   otherwise:     R_t = Σ (Π d) r up to the horizon, without a value
 *
 * @param value v of s_0 … s_H: [members, starts, horizon + 1]
 * @param ofReturns how returns are computed: differentiably where gradients go through the dynamics
 */
export function dreamReturns(
  { reward, discount }: Foreseen,
  value: tf.Tensor3D,
  { critic }: DreamerSettings,
  ofReturns = lambdaReturn,
): DreamReturns {
  const nextValue = tf.slice(value, [0, 0, 1], reward.shape);
  const lambdaReturns = ofReturns(reward, discount, nextValue, critic.returnLambda);
  const returns = critic.bootstrapsActor
    ? lambdaReturns
    : ofReturns(reward, discount, tf.zerosLike(nextValue), 1);
  return { returns, lambdaReturns };
}
