import * as tf from '@tensorflow/tfjs-core';
import { rnnTerms, vaeTerms } from '../../models/mdn-rnn/losses.ts';
import type { Windows } from '../../models/windows.ts';
import { type BiasCorrection, zeroMoments } from '../../nn/adam.ts';
import type { ParameterLayout, Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { gradientOf } from '../../training/gradient.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
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

export const fresh = (parameters: tf.Tensor2D): Optimised => ({
  parameters,
  moments: zeroMoments(...parameters.shape),
});

const namedLearnt = (name: string, { parameters, moments }: Optimised): [string, tf.Tensor2D][] => [
  [name, parameters],
  [`${name}.adam_mean`, moments.mean],
  [`${name}.adam_square`, moments.square],
];

const clonedLearnt = ({ parameters, moments: { mean, square } }: Optimised): Optimised => ({
  parameters: tf.clone(parameters),
  moments: { mean: tf.clone(mean), square: tf.clone(square) },
});

/** Weights that outlive those that they are made of. */
export const cloned = ({ vae, rnn, controller }: Weights): Weights => ({
  vae: vae && clonedLearnt(vae),
  rnn: clonedLearnt(rnn),
  controller: tf.clone(controller),
});

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ vae, rnn, controller }: Weights): [string, tf.Tensor2D][] => [
  ...(vae ? namedLearnt('vae', vae) : []),
  ...namedLearnt('rnn', rnn),
  ['controller', controller],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  const learnt = (name: string): Optimised => ({
    parameters: get(name),
    moments: { mean: get(`${name}.adam_mean`), square: get(`${name}.adam_square`) },
  });
  return {
    vae: tensors.has('vae') ? learnt('vae') : undefined,
    rnn: learnt('rnn'),
    controller: get('controller'),
  };
}

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
