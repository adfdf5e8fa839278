import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { binaryCrossEntropy } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { meanSquaredError, memberMean, sumOfTerms, type WeighedTerm } from '../../training/reduce.ts';
import type { ScalarCode } from '../scalar-code.ts';
import { dynamics, type ObservedSequence, observeSequence, type RssmState } from './dynamics.ts';
import { latentFamily } from './latent.ts';
import type { Rssm } from './model.ts';
import type { RssmSettings } from './settings.ts';

/** What the world model learns, and how much; the config keys of the same names describe them. */
export interface RssmLossSettings {
  weights: {
    reconstruction: number;
    reward: number;
    continue: number;
    dynamics: number;
    representation: number;
  };
  freeNats: number;
  freeNatsOver: 'state' | 'mean';
}

/** Windows of steps as an RSSM sees them: a step is an observation with the action, reward and end that led to it. */
export interface StepWindows {
  /** õ: [members, batch, time, observation] */
  observation: tf.Tensor4D;
  /** a_{t−1} as networks see it: [members, batch, time, actions] */
  action: tf.Tensor;
  /** Received on arriving, in the units that the model learns; 0 where an episode starts: [members, batch, time] */
  reward: tf.Tensor3D;
  /** 1 where the step starts an episode: [members, batch, time] */
  first: tf.Tensor3D;
  /** 1 where it ends one, either way: [members, batch, time] */
  last: tf.Tensor3D;
  /** 1 where it ends one by termination: [members, batch, time] */
  terminal: tf.Tensor3D;
  /** The state before the window: [members, batch, …] each */
  start: RssmState;
}

/** The terms of the world model's loss, [members] each, before their weights. */
export interface RssmTerms extends Record<string, tf.Tensor1D> {
  reconstruction: tf.Tensor1D;
  reward: tf.Tensor1D;
  dynamics: tf.Tensor1D;
  representation: tf.Tensor1D;
  /** The mean KL itself, in nats. */
  kl: tf.Tensor1D;
}

/**
 * The world model's loss on real sequences, means over batch and time of
 *
 *   reconstruction   Σ (x_t − x̂_t)² over dimensions
 *   reward           −log p(r_t | s_t)
 *   continue         BCE(ĉ_t, target)
 *   dynamics         max(KL(sg q ‖ p), free)
 *   representation   max(KL(q ‖ sg p), free)
 *
 * q the posterior, p the prior. The maximum is taken of each state (PlaNet, v3), or of the mean (v1, v2). PlaNet and v1
 * have one KL: its gradient is that of both terms with equal weights.
 *
 * @param continueTarget of ĉ: [members, batch, time]
 * @param noise of z: [members, batch, time, numbers]
 */
export function rssmTerms(
  parameters: Parameters,
  model: Rssm,
  reward: ScalarCode,
  windows: StepWindows,
  continueTarget: tf.Tensor,
  noise: tf.Tensor,
  settings: RssmSettings & RssmLossSettings,
): { terms: RssmTerms; observed: ObservedSequence; features: tf.Tensor } {
  const { observation, action, first, start } = windows;
  const keep = tf.sub(1, first);
  const observed = observeSequence(
    parameters,
    settings,
    model.encode(observation),
    action,
    keep,
    start,
    noise,
  );
  const features = model.features({ deter: observed.deter, stoch: observed.stoch });
  const prior = dynamics(parameters, settings).prior(observed.deter);
  const latent = latentFamily(settings);
  const constant = (x: tf.Tensor) => stopGradient(() => tf.clone(x));
  const ofPrior = latent.kl(constant(observed.posterior), prior);
  const ofPosterior = latent.kl(observed.posterior, constant(prior));
  const target = model.target(observation);
  const terms: RssmTerms = {
    reconstruction: meanSquaredError(model.reconstruct(features), target, target.shape.at(-1)!),
    reward: memberMean(reward.loss(model.rewardOutput(features), windows.reward)),
    dynamics: beyondFree(ofPrior, settings),
    representation: beyondFree(ofPosterior, settings),
    kl: stopGradient(() => memberMean(ofPrior)),
  };
  if (model.continues) {
    terms.continue = memberMean(binaryCrossEntropy(model.continues(features), continueTarget));
  }
  return { terms, observed, features };
}

/** The mean of a KL as far as it is above the free nats, of each state or as a whole: [members, batch, time] -> [members]. */
function beyondFree(kl: tf.Tensor, { freeNats, freeNatsOver }: RssmLossSettings): tf.Tensor1D {
  return freeNatsOver === 'state'
    ? memberMean(tf.maximum(kl, freeNats))
    : (tf.maximum(memberMean(kl), freeNats) as tf.Tensor1D);
}

/** The terms that are learnt, with their weights, in the order in which they are summed. */
export const weighedRssmTerms = (terms: RssmTerms, { weights }: RssmLossSettings): WeighedTerm[] =>
  (['reconstruction', 'reward', 'dynamics', 'representation', 'continue'] as const).flatMap((name) =>
    terms[name] ? [[name, terms[name], weights[name]] as const] : [],
  );

/** The weighted sum of the terms: [members]. */
export const rssmLoss = (terms: RssmTerms, settings: RssmLossSettings): tf.Tensor1D =>
  sumOfTerms(weighedRssmTerms(terms, settings));
