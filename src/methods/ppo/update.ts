import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { uploadObservations } from '../../models/windows.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { gradientOf } from '../../training/gradient.ts';
import type { Observations } from '../../training/observations.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import type { Batch } from '../../training/replay.ts';
import { generalisedAdvantage, type RolloutSteps } from './advantage.ts';
import { clippedSurrogate, policyChange, standardise } from './losses.ts';
import type { Networks } from './networks.ts';
import type { PpoUpdateSettings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = [
  'loss',
  'policy',
  'value',
  'entropy',
  'approximate_kl',
  'clip_fraction',
  'learning_rate',
  'clip_range',
  'gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];
/** [members] each */
export type LossTerms = Record<LossTerm, tf.Tensor>;

/** Hyper-parameters that may differ from member to member. */
export interface MemberScalars {
  /** [members, 1] */
  learningRate: tf.Tensor2D;
  clipRange: tf.Tensor2D;
  /** [members] */
  entropy: tf.Tensor1D;
  valueWeight: tf.Tensor1D;
}

/** What updates learn from: the transitions of a roll-out, or a minibatch of them. */
export interface Transitions {
  /** o, as the networks see it: [members, batch, observation] */
  observation: tf.Tensor;
  /** As `Policy.encode` gives them: [members, batch, …] */
  action: tf.Tensor;
  /** log π_old(a | o), A and R: [members, batch] each */
  logProbability: tf.Tensor;
  advantage: tf.Tensor;
  returns: tf.Tensor;
}

/** A roll-out on the engine, one sequence per environment whose steps follow each other. */
export interface Rollout extends RolloutSteps {
  /** o and o′, as the networks see them: [members, environments, time, observation] */
  observation: tf.Tensor;
  nextObservation: tf.Tensor;
  /** As `Policy.encode` gives them: [members, environments, time, …] */
  action: tf.Tensor;
}

/** A collected roll-out on the engine. */
export function uploadRollout(rollout: Batch<Observations>, { policy }: Networks): Rollout {
  const { members, batch: environments, time } = rollout;
  const steps: [number, number, number] = [members, environments, time];
  const observationSize = rollout.observation.length / (members * environments * time);
  const upload = (values: Observations) => uploadObservations(values, [...steps, observationSize]);
  return {
    observation: upload(rollout.observation),
    nextObservation: upload(rollout.nextObservation),
    action: policy.encode(rollout.action, steps),
    reward: tf.tensor3d(rollout.reward, steps),
    terminated: tf.tensor3d(rollout.terminated, steps),
    first: tf.tensor3d(rollout.first, steps),
  };
}

/** What the policy that collected a roll-out and its critic say of it: the constants of the updates that follow. */
export function assess(
  parameters: Parameters,
  rollout: Rollout,
  { policyAt, value }: Networks,
  { gamma, gaeLambda }: Pick<PpoUpdateSettings, 'gamma' | 'gaeLambda'>,
): Transitions {
  const { observation, nextObservation, action } = rollout;
  const { advantage, returns } = generalisedAdvantage(
    rollout,
    value(parameters, observation) as tf.Tensor3D,
    value(parameters, nextObservation) as tf.Tensor3D,
    gamma,
    gaeLambda,
  );
  const [members, environments, time] = rollout.reward.shape;
  const flat = (x: tf.Tensor) => tf.reshape(x, [members, environments * time, ...x.shape.slice(3)]);
  return {
    observation: flat(observation),
    action: flat(action),
    logProbability: flat(policyAt(parameters, observation).logProbability(action)),
    advantage: flat(advantage),
    returns: flat(returns),
  };
}

/**
 * The transitions at some indices of every member.
 *
 * @param indices into members × batch, int32: [members, minibatch]
 */
export function minibatch(transitions: Transitions, indices: tf.Tensor): Transitions {
  const pick = (x: tf.Tensor) => tf.gather(tf.reshape(x, [-1, ...x.shape.slice(2)]), indices);
  return {
    observation: pick(transitions.observation),
    action: pick(transitions.action),
    logProbability: pick(transitions.logProbability),
    advantage: pick(transitions.advantage),
    returns: pick(transitions.returns),
  };
}

type LossParts = Omit<LossTerms, 'gradient_norm' | 'weight_norm'>;

/**
 * The gradient of each member's loss, before clipping, with A standardised over the minibatch:
 *
 *   L = L_clip + w_V mean (V(o) − R)² − w_H mean H(π(· | o))
 *
 * @returns the gradient [members, size] and the terms of the loss
 */
export function gradients(
  { layout, policyAt, value }: Networks,
  weights: tf.Tensor2D,
  { observation, action, logProbability, advantage, returns }: Transitions,
  { learningRate, clipRange, entropy, valueWeight }: MemberScalars,
): { gradient: tf.Tensor2D; parts: LossParts } {
  const standardised = standardise(advantage);
  const { gradient, terms: parts } = gradientOf(weights, (flat) => {
    const parameters = layout.unpack(flat);
    const distribution = policyAt(parameters, observation);
    const taken = distribution.logProbability(action);
    const policyLoss = clippedSurrogate(taken, logProbability, standardised, clipRange);
    const valueLoss = meanSquaredError(value(parameters, observation), returns);
    const meanEntropy = memberMean(distribution.entropy());
    const weighted = tf.sub(tf.mul(valueWeight, valueLoss), tf.mul(entropy, meanEntropy));
    const loss: tf.Tensor1D = tf.add(policyLoss, weighted);
    const change = stopGradient(() => policyChange(taken, logProbability, clipRange));
    const terms: LossParts = {
      loss,
      policy: policyLoss,
      value: valueLoss,
      entropy: meanEntropy,
      approximate_kl: change.approximateKl,
      clip_fraction: change.clipFraction,
      learning_rate: stopGradient(() => tf.squeeze(learningRate, [1])),
      clip_range: stopGradient(() => tf.squeeze(clipRange, [1])),
    };
    return { loss, terms };
  });
  return { gradient, parts };
}

/** The weights after one clipped Adam step. */
export function applyGradients(
  weights: Optimised,
  gradient: tf.Tensor2D,
  parts: LossParts,
  correction: BiasCorrection,
  { learningRate }: MemberScalars,
  { gradientClip, adamEpsilon }: Pick<PpoUpdateSettings, 'gradientClip' | 'adamEpsilon'>,
): { weights: Optimised; terms: LossTerms } {
  const { learnt, terms } = descend(weights, gradient, correction, learningRate, gradientClip, adamEpsilon);
  return { weights: learnt, terms: { ...parts, ...terms } };
}
