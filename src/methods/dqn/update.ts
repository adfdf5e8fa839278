import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../../engine/custom-gradient.ts';
import { oneHot } from '../../engine/one-hot.ts';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { bootstrapped, type TransitionTensors } from '../../models/transitions.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import { clip } from '../../nn/distributions.ts';
import { gradientOf } from '../../training/gradient.ts';
import { descend } from '../../training/optimise.ts';
import { memberMean, perMember } from '../../training/reduce.ts';
import type { ActionValues, Weights } from './networks.ts';
import type { DqnUpdateSettings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = ['loss', 'q', 'target', 'gradient_norm', 'weight_norm'] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];

/** Hyper-parameters that may differ from member to member, or change from update to update: [members, 1] each. */
export interface MemberScalars {
  learningRate: tf.Tensor2D;
  gamma: tf.Tensor2D;
  /** How far this update takes the target towards the network: 0 where it is not due. */
  targetRate: tf.Tensor2D;
}

/**
 * What Q(o, a) is trained towards, y = r + γ (1 − terminated) v′ with
 *
 *   v′ = max_a′ Q̄(o′, a′)                     (Mnih et al. 2015)
 *   v′ = Q̄(o′, argmax_a′ Q(o′, a′))           (double: van Hasselt et al. 2016)
 *
 * @returns [members, batch]
 */
export function targets(
  values: ActionValues,
  { critic, target }: Pick<Weights, 'critic' | 'target'>,
  transitions: TransitionTensors,
  gamma: tf.Tensor2D,
  { double }: Pick<DqnUpdateSettings, 'double'>,
): tf.Tensor {
  const { nextObservation } = transitions;
  const all = values.of(target, nextObservation);
  const next = () => {
    if (!double) return tf.max(all, -1);
    const chosen = tf.argMax(values.of(critic.parameters, nextObservation), -1);
    return tf.sum(tf.mul(all, oneHot(chosen, all.shape.at(-1)!)), -1);
  };
  return bootstrapped(transitions, next(), gamma);
}

/**
 * The mean over the batch of the loss of δ = Q(o, a) − y. With s = δ, or δ clipped to ±1 for Huber's, both are
 *
 *   s (δ − s / 2)      whose slope is s
 *
 * @param values Q(o, ·): [members, batch, choices]
 * @param action onehot(a), likewise
 * @param target y, a constant: [members, batch]
 * @returns [members]
 */
export function temporalDifferenceLoss(
  values: tf.Tensor,
  action: tf.Tensor,
  target: tf.Tensor,
  kind: DqnUpdateSettings['loss'],
): tf.Tensor1D {
  return withGradient([values], () => {
    const error = tf.sub(tf.sum(tf.mul(values, action), -1), target);
    const slope = kind === 'huber' ? clip(error, -1, 1) : error;
    return {
      value: memberMean(tf.mul(slope, tf.sub(error, tf.mul(slope, 0.5)))),
      keep: [slope, action],
      gradient: (dy, kept) => {
        const [slope, action] = kept as [tf.Tensor, tf.Tensor];
        const share = perMember(tf.mul(dy, dy.size / slope.size), slope.rank);
        return [tf.mul(tf.expandDims(tf.mul(slope, share), -1), action)];
      },
    };
  });
}

/**
 * One update of Q by a clipped step of Adam, and one of its target: a pure function of weights, transitions and scalars,
 * wherever these come from.
 *
 * @param transitions with onehot(a) as action
 */
export function learn(
  actionValues: ActionValues,
  before: Weights,
  transitions: TransitionTensors,
  correction: BiasCorrection,
  { learningRate, gamma, targetRate }: MemberScalars,
  settings: Pick<DqnUpdateSettings, 'double' | 'loss' | 'gradientClip'>,
): { weights: Weights; terms: Record<LossTerm, tf.Tensor> } {
  const target = targets(actionValues, before, transitions, gamma, settings);
  const { gradient, terms } = gradientOf(before.critic.parameters, (critic) => {
    const values = actionValues.of(critic, transitions.observation);
    const loss = temporalDifferenceLoss(values, transitions.action, target, settings.loss);
    const q = stopGradient(() => memberMean(tf.mul(values, transitions.action), values.shape.at(-1)));
    return { loss, terms: { loss, q } };
  });
  const step = descend(before.critic, gradient, correction, learningRate, settings.gradientClip);
  return {
    weights: {
      critic: step.learnt,
      target: stepTarget(before.target, step.learnt.parameters, targetRate),
    },
    terms: {
      ...terms,
      target: memberMean(target),
      ...step.terms,
    },
  };
}

/** (1 − rate) target + rate parameters: exactly the one or the other at 0 and 1, as `movingAverage` is not. */
const stepTarget = (target: tf.Tensor2D, parameters: tf.Tensor2D, rate: tf.Tensor2D): tf.Tensor2D =>
  tf.add(tf.mul(target, tf.sub(1, rate)), tf.mul(parameters, rate));
