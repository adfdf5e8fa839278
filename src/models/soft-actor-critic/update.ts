import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { adam, type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { leastOfHeads, toHeads } from '../../nn/ensemble.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import { gradientOf } from '../../training/gradient.ts';
import type { Optimised } from '../../training/optimise.ts';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import { bootstrapped, type TransitionTensors } from '../transitions.ts';
import { actionValues, type Networks, policyOutput, type Weights } from './networks.ts';
import { sample } from './policy.ts';
import type { SoftActorCriticSettings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = [
  'critic',
  'actor',
  'q',
  'target',
  'entropy',
  'temperature',
  'critic_gradient_norm',
  'actor_gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];

/** Hyper-parameters that may differ from member to member: [members, 1] each. */
export interface MemberScalars {
  learningRate: tf.Tensor2D;
  gamma: tf.Tensor2D;
  targetRate: tf.Tensor2D;
  /** α where it is given, of no meaning where it is learnt. */
  temperature: tf.Tensor2D;
  targetEntropy: tf.Tensor2D;
}

/** ε of the actions at o and at o′: [members, batch, dimensions] each. */
export interface UpdateNoise {
  action: tf.Tensor;
  nextAction: tf.Tensor;
}

/** What all the losses of an update are made of. */
interface Given {
  networks: Networks;
  transitions: TransitionTensors;
  noise: UpdateNoise;
  /** α: [members, 1] */
  temperature: tf.Tensor2D;
  settings: Pick<SoftActorCriticSettings, 'actor' | 'critic'>;
}

/**
 * What every critic is trained towards, with a′ ~ π(· | o′):
 *
 *   y = r + γ (1 − terminated) (min_i Q̄_i(o′, a′) − α log π(a′ | o′))
 *
 * @returns [members, batch]
 */
export function targets(
  { networks, transitions, noise, temperature, settings }: Given,
  { actor, target }: Pick<Weights, 'actor' | 'target'>,
  gamma: tf.Tensor2D,
): tf.Tensor {
  const { nextObservation } = transitions;
  const output = policyOutput(networks.actor, actor.parameters, settings, nextObservation);
  const { action, logProbability } = sample(output, noise.nextAction);
  const values = actionValues(networks.critic, target, settings, nextObservation, action);
  return bootstrapped(transitions, tf.sub(tf.min(values, 1), tf.mul(temperature, logProbability)), gamma);
}

/**
 * The critics' loss, Σ_i mean (Q_i(o, a) − y)² / 2.
 *
 * @returns the gradient, [members, size], and of each member the loss and the mean of Q_i(o, a)
 */
export function criticGradient(
  { networks, transitions, settings }: Given,
  critic: tf.Tensor2D,
  target: tf.Tensor,
): { gradient: tf.Tensor2D; terms: Record<'critic' | 'q', tf.Tensor> } {
  const { heads } = settings.critic;
  const wanted = toHeads(target, heads);
  return gradientOf(critic, (flat) => {
    const { observation, action } = transitions;
    const values = actionValues(networks.critic, flat, settings, observation, action);
    const loss = tf.mul(meanSquaredError(values, wanted), heads / 2) as tf.Tensor1D;
    return { loss, terms: { critic: loss, q: stopGradient(() => memberMean(values)) } };
  });
}

/**
 * The actor's loss, with a ~ π(· | o): mean (α log π(a | o) − min_i Q_i(o, a)).
 *
 * @returns the gradient, [members, size], and of each member the loss and the policy's entropy, −mean log π(a | o)
 */
export function actorGradient(
  { networks, transitions, noise, temperature, settings }: Given,
  actor: tf.Tensor2D,
  critic: tf.Tensor2D,
): { gradient: tf.Tensor2D; terms: Record<'actor' | 'entropy', tf.Tensor> } {
  const { observation } = transitions;
  return gradientOf(actor, (flat) => {
    const output = policyOutput(networks.actor, flat, settings, observation);
    const { action, logProbability } = sample(output, noise.action);
    const values = actionValues(networks.critic, critic, settings, observation, action, true);
    const loss = memberMean(tf.sub(tf.mul(temperature, logProbability), leastOfHeads(values)));
    const entropy = stopGradient(() => memberMean(logProbability, -1));
    return { loss, terms: { actor: loss, entropy } };
  });
}

/**
 * One update of soft actor-critic (Haarnoja et al. 2018, *Soft Actor-Critic Algorithms and Applications*): a pure function
 * of weights, transitions, noise and scalars, wherever these come from. Critics first, then the actor by the critics as
 * they are now, then α, whose loss is −log α mean (log π(a | o) + target entropy), and the critics' moving average.
 *
 * @param transitions with actions in [−1, 1]
 */
export function learn(
  networks: Networks,
  before: Weights,
  transitions: TransitionTensors,
  noise: UpdateNoise,
  correction: BiasCorrection,
  scalars: MemberScalars,
  settings: Pick<SoftActorCriticSettings, 'actor' | 'critic'>,
): { weights: Weights; terms: Record<LossTerm, tf.Tensor> } {
  const { learningRate, gamma, targetRate, targetEntropy } = scalars;
  const step = (
    { parameters, moments }: Optimised,
    gradient: tf.Tensor2D,
    norm = globalNorm(gradient),
  ): Optimised => adam(parameters, gradient, norm, moments, correction, learningRate, Number.MAX_VALUE);

  const temperature = before.temperature ? tf.exp(before.temperature.parameters) : scalars.temperature;
  const given = { networks, transitions, noise, temperature, settings };
  const target = targets(given, before, gamma);
  const ofCritic = criticGradient(given, before.critic.parameters, target);
  const criticNorm = globalNorm(ofCritic.gradient);
  const critic = step(before.critic, ofCritic.gradient, criticNorm);
  const ofActor = actorGradient(given, before.actor.parameters, critic.parameters);
  const actorNorm = globalNorm(ofActor.gradient);
  const actor = step(before.actor, ofActor.gradient, actorNorm);
  const excess = tf.sub(tf.expandDims(ofActor.terms.entropy, 1), targetEntropy) as tf.Tensor2D;
  return {
    weights: {
      actor,
      critic,
      target: movingAverage(before.target, critic.parameters, targetRate),
      temperature: before.temperature && step(before.temperature, excess),
    },
    terms: {
      ...ofCritic.terms,
      ...ofActor.terms,
      target: memberMean(target),
      temperature: tf.squeeze(tf.clone(temperature), [1]),
      critic_gradient_norm: tf.squeeze(criticNorm, [1]),
      actor_gradient_norm: tf.squeeze(actorNorm, [1]),
      weight_norm: tf.squeeze(globalNorm(tf.concat([actor.parameters, critic.parameters], 1)), [1]),
    },
  };
}
