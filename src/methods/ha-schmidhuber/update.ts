import * as tf from '@tensorflow/tfjs-core';
import { rnnTerms, vaeTerms } from '../../models/mdn-rnn/losses.ts';
import type { Windows } from '../../models/windows.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import type { ParameterLayout, Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { gradientOf } from '../../training/gradient.ts';
import {
  descend,
  mapOptimised,
  namedOptimised,
  type Optimised,
  optimisedFrom,
} from '../../training/optimise.ts';
import { weightedSum } from '../../training/reduce.ts';
import { weightsNamed } from '../../training/weights.ts';
import { modelSettings } from './networks.ts';
import type { HaSchmidhuberSettings } from './settings.ts';

/** The terms of losses.csv, in order: those of V, of M, and of a generation of controllers. */
export const LOSS_TERMS = [
  'reconstruction',
  'kl',
  'nll',
  'reward',
  'continue',
  'gradient_norm',
  'weight_norm',
  'population_return',
  'best_return',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];

/** Everything that updates change. */
export interface Weights {
  /** V; undefined where z is the observation. */
  vae: Optimised | undefined;
  /** M */
  rnn: Optimised;
  /** C: [members, numbers] */
  controller: tf.Tensor2D;
}

/** Weights that outlive those that they are made of. */
export const cloned = ({ vae, rnn, controller }: Weights): Weights => ({
  vae: vae && mapOptimised(vae, tf.clone),
  rnn: mapOptimised(rnn, tf.clone),
  controller: tf.clone(controller),
});

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ vae, rnn, controller }: Weights): [string, tf.Tensor2D][] => [
  ...(vae ? namedOptimised('vae', vae) : []),
  ...namedOptimised('rnn', rnn),
  ['controller', controller],
];

/** The inverse of `namedWeights`. */
export const weightsFrom = (tensors: Map<string, tf.Tensor2D>): Weights => ({
  vae: tensors.has('vae') ? optimisedFrom(tensors, 'vae') : undefined,
  rnn: optimisedFrom(tensors, 'rnn'),
  controller: weightsNamed(tensors, 'controller'),
});

/** What an update gives. */
export interface Updated {
  learnt: Optimised;
  terms: Partial<Record<LossTerm, tf.Tensor>>;
}

/**
 * One update of V by reconstruction + klWeight · KL.
 *
 * @param observation õ: [members, batch, observation]
 * @param noise [members, batch, latent]
 * @param learningRate [members, 1]
 */
export function learnVae(
  layout: ParameterLayout,
  settings: HaSchmidhuberSettings,
  spaces: AgentSpaces,
  before: Optimised,
  observation: tf.Tensor,
  noise: tf.Tensor,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
): Updated {
  const { vae } = settings;
  const model = modelSettings(settings);
  const { gradient, terms } = gradientOf(before.parameters, (flat) => {
    const terms = vaeTerms(layout.unpack(flat), model, spaces, observation, noise, vae.klFloor);
    const loss = weightedSum([
      [terms.reconstruction, 1],
      [terms.kl, vae.klWeight],
    ]);
    return { loss, terms };
  });
  const step = descend(before, gradient, correction, learningRate, Number.MAX_VALUE);
  return { learnt: step.learnt, terms: { ...terms, ...step.terms } };
}

/**
 * One update of M by nll + reward + continue; V is a constant.
 *
 * @param noise of z and z′: [members, batch, 2 · time, latent]
 * @param learningRate [members, 1]
 */
export function learnRnn(
  layout: ParameterLayout,
  settings: HaSchmidhuberSettings,
  spaces: AgentSpaces,
  before: Optimised,
  vae: Parameters | undefined,
  windows: Windows,
  noise: tf.Tensor | undefined,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
): Updated {
  const { rnn } = settings;
  const model = modelSettings(settings);
  const { gradient, terms } = gradientOf(before.parameters, (flat) => {
    const terms = rnnTerms(layout.unpack(flat), vae, model, spaces, windows, noise, rnn.endWeight);
    const loss = weightedSum([
      [terms.nll, 1],
      [terms.reward, 1],
      [terms.continue, 1],
    ]);
    return { loss, terms };
  });
  const step = descend(before, gradient, correction, learningRate, rnn.gradientClip);
  return { learnt: step.learnt, terms: { ...terms, ...step.terms } };
}
