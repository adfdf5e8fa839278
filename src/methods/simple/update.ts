import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { discreteLatentLoss, discreteLatentTerms } from '../../models/discrete-latent/losses.ts';
import type { Windows } from '../../models/windows.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import { LOSS_TERMS as POLICY_TERMS } from '../ppo/update.ts';
import type { SimpleSettings } from './settings.ts';

/** The terms of the model's updates, in order. */
export const MODEL_TERMS = [
  'model',
  'model_observation',
  'model_reward',
  'model_continue',
  'model_bits',
  'model_gradient_norm',
  'model_weight_norm',
] as const;

export type ModelTerm = (typeof MODEL_TERMS)[number];

/** The terms of losses.csv, in order: those of the model's updates, then those of the policy's. */
export const LOSS_TERMS = [...MODEL_TERMS, ...POLICY_TERMS] as const;

/** Everything that an update of the model is computed from. */
export interface FitInputs {
  before: Optimised;
  windows: Windows;
  /** Of all experience: [members, numbers] */
  standardisation: tf.Tensor2D;
  /** [members, batch, time, numbers of `trainingNoise`] */
  noise: tf.Tensor;
  /** How far the warm-up has come, 0 to 1. */
  warmth: tf.Scalar;
  correction: BiasCorrection;
  /** [members, 1] */
  learningRate: tf.Tensor2D;
}

/** One update of the model by a clipped step of Adam. */
export function fit(
  layout: ParameterLayout,
  { model: settings, gradientClip }: Pick<SimpleSettings, 'model' | 'gradientClip'>,
  spaces: AgentSpaces,
  { before, windows, standardisation, noise, warmth, correction, learningRate }: FitInputs,
): { learnt: Optimised; terms: Partial<Record<ModelTerm, tf.Tensor>> } {
  const split = layout.split(before.parameters);
  let terms: Partial<Record<ModelTerm, tf.Tensor>> = {};
  const loss = (): tf.Scalar => {
    const parameters = layout.named(split);
    const own = discreteLatentTerms(parameters, settings, spaces, windows, standardisation, noise, warmth);
    const total = discreteLatentLoss(own, settings);
    const named = Object.entries(own).map(([name, term]) => [`model_${name}`, term]);
    terms = { model: stopGradient(() => tf.clone(total)), ...Object.fromEntries(named) };
    for (const term of Object.values(terms)) tf.keep(term);
    return tf.sum(total);
  };
  const { value, grads } = tf.valueAndGrads(loss)(split);
  value.dispose();
  const gradient = layout.join(grads);
  const step = descend(before, gradient, correction, learningRate, gradientClip);
  return {
    learnt: step.learnt,
    terms: {
      ...terms,
      model_gradient_norm: step.terms.gradient_norm,
      model_weight_norm: step.terms.weight_norm,
    },
  };
}
