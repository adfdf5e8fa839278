import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { PolicyHead } from '../../models/policy-head.ts';
import type { Rssm } from '../../models/rssm/model.ts';
import type { ScalarCode } from '../../models/scalar-code.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { weightedSum } from '../../training/reduce.ts';
import { movingRange } from '../../training/return-range.ts';
import { differentiableLambdaReturn } from '../../training/returns.ts';
import { type Dream, type DreamReturns, dreamReturns, type Foreseen } from './imagination.ts';
import { criticLoss, dynamicsLoss } from './losses.ts';
import type { DreamerSettings } from './settings.ts';

/** What actor and critic learn from dreams, constants. */
export interface Learnt extends Foreseen, DreamReturns {
  /** v_slow of s_0 … s_H: [members, starts, horizon + 1] */
  slow: tf.Tensor3D;
  /** (R − baseline) / S: [members, starts, horizon] */
  advantage: tf.Tensor3D;
  /** S: [members, 1, 1] */
  scale: tf.Tensor;
  /** The next moving P5 and P95: [members, 2] */
  returnRange: tf.Tensor2D;
}

/**
 * Judges dreams by what the model foresees and the critic values: A = (R − v) / S, or against the mean over all starts
 * where no critic ends the return. To be called where gradients are stopped.
 *
 * @param values of s_0 … s_H, v that of the targets: [members, starts, horizon + 1] each
 * @param returnRange the moving P5 and P95 so far: [members, 2]
 */
export function judge(
  foreseen: Foreseen,
  { value, slow }: Record<'value' | 'slow', tf.Tensor3D>,
  returnRange: tf.Tensor2D,
  settings: DreamerSettings,
): Learnt {
  const returns = dreamReturns(foreseen, value, settings);
  const next = nextReturnRange(returnRange, returns.returns, settings);
  const scale = returnScale(next, settings);
  const baseline = settings.critic.bootstrapsActor
    ? tf.slice(value, [0, 0, 0], returns.returns.shape)
    : tf.mean(returns.returns, 1, true);
  const advantage = tf.div(tf.sub(returns.returns, baseline), scale) as tf.Tensor3D;
  // What is foreseen may have gradients, and nothing that is learnt from may.
  const { reward, discount, weight } = foreseen;
  const constants = { reward: tf.clone(reward), discount: tf.clone(discount), weight: tf.clone(weight) };
  return { ...constants, ...returns, slow, advantage, scale, returnRange: next };
}

/** What dreams are learnt from with. */
export interface Learners {
  /** With the policy that learns. */
  model: Rssm;
  /** Of constants but for its policy; read only where gradients go through the dynamics. */
  dreamt: Rssm;
  head: PolicyHead;
  code: ScalarCode;
}

/** Dreams with what is known of them. */
export interface JudgedDreams {
  /** With gradients to the policy where ρ < 1, as what is foreseen along it. */
  imagined: Dream;
  foreseen: Foreseen;
  /** The learning critic's on all their states: [members, starts, horizon + 1, outputs] */
  output: tf.Tensor;
  learnt: Learnt;
  /** Of the actions: [members, starts, horizon, numbers of the head's `noise`] */
  noise: tf.Tensor4D;
  /** ρ, the share of REINFORCE. */
  rho: number;
}

/**
 * The losses of critic and actor on dreams, and the policy's mean entropy (nats), [members] each.
 *
 * @param entropyWeight η: [members]
 */
export function dreamLosses(
  { model, dreamt, head, code }: Learners,
  { imagined, foreseen, output, learnt, noise, rho }: JudgedDreams,
  entropyWeight: tf.Tensor1D,
  settings: DreamerSettings,
): Record<'critic' | 'actor' | 'entropy', tf.Tensor1D> {
  const critic = criticLoss(
    code,
    allButLast(output, 2),
    learnt.lambdaReturns,
    allButLast(learnt.slow, 2),
    learnt.weight,
    settings.critic.slowRegulariser,
  );
  const states = stopGradient(() => allButLast(imagined.states, 2));
  const { loss: reinforce, entropy } = head.loss(model.policy!(states), {
    action: imagined.action,
    noise,
    weight: learnt.weight,
    advantage: rho < 1 ? tf.mul(learnt.advantage, rho) : learnt.advantage,
    entropyWeight,
  });
  const actor =
    rho < 1
      ? weightedSum([
          [reinforce, 1],
          [throughDynamics(dreamt, imagined, foreseen, learnt, settings), 1 - rho],
        ])
      : reinforce;
  return { critic, actor, entropy };
}

/** All but the last element along an axis. */
export const allButLast = <T extends tf.Tensor>(x: T, axis: number): T =>
  sliceAlong(x, axis, 0, x.shape[axis]! - 1);

function nextReturnRange(range: tf.Tensor2D, returns: tf.Tensor3D, { actor }: DreamerSettings): tf.Tensor2D {
  return movingRange(range, tf.reshape(returns, [returns.shape[0], -1]), actor.returnRangeRate);
}

/** S, what advantages are divided by: max(floor, P95 − P5) of the moving range, or 1: [members, 1, 1]. */
function returnScale(range: tf.Tensor2D, { actor }: DreamerSettings): tf.Tensor {
  const [members] = range.shape;
  if (!actor.normaliseReturns) return tf.ones([members, 1, 1]);
  const [low, high] = tf.split(range, 2, 1) as [tf.Tensor, tf.Tensor];
  return tf.reshape(tf.maximum(tf.sub(high, low), actor.returnRangeFloor), [members, 1, 1]);
}

/** The actor's loss through the dynamics: returns with gradients, valued by the critic as a constant. */
function throughDynamics(
  dreamt: Rssm,
  imagined: Dream,
  foreseen: Foreseen,
  { weight, scale }: { weight: tf.Tensor; scale: tf.Tensor },
  settings: DreamerSettings,
): tf.Tensor1D {
  const value = dreamt.value!(imagined.states) as tf.Tensor3D;
  const { returns } = dreamReturns(foreseen, value, settings, differentiableLambdaReturn);
  return dynamicsLoss(weight, returns, scale);
}
