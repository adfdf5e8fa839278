import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import type { Windows } from '../windows.ts';
import { ensembleLoss, ensembleTerms } from './losses.ts';
import type { EnsembleSettings } from './settings.ts';

/** The terms that an update reports, in order. */
export const ENSEMBLE_TERMS = [
  'loss',
  'nll',
  'squared_error',
  'bounds',
  'continue',
  'weight_decay',
  'gradient_norm',
  'weight_norm',
] as const;

export type EnsembleTerm = (typeof ENSEMBLE_TERMS)[number];

/** Hyper-parameters that may differ from member to member: [members, 1] each. */
export interface MemberScalars {
  learningRate: tf.Tensor2D;
  weightDecay: tf.Tensor2D;
}

/**
 * One update of the ensemble: Adam on its loss and half the squared weights, without biases and bounds, times the decay.
 *
 * @param windows transitions of every network: see `EnsembleBatch`
 * @param standardisation of all experience
 */
export function fitEnsemble(
  layout: ParameterLayout,
  settings: EnsembleSettings,
  spaces: AgentSpaces,
  before: Optimised,
  windows: Windows,
  standardisation: tf.Tensor2D,
  correction: BiasCorrection,
  scalars: MemberScalars,
): { learnt: Optimised; terms: Partial<Record<EnsembleTerm, tf.Tensor>> } {
  const { parameters } = before;
  const split = layout.split(parameters);
  const decayed = tf.mul(tf.mul(parameters, weightMask(layout)), scalars.weightDecay);
  const decay = tf.mul(0.5, tf.sum(tf.mul(decayed, parameters), 1));
  let terms: Partial<Record<EnsembleTerm, tf.Tensor>> | undefined;
  const loss = (): tf.Scalar => {
    const real = ensembleTerms(layout.named(split), settings, spaces, windows, standardisation);
    const total = ensembleLoss(real, settings);
    terms = { loss: stopGradient(() => tf.add(total, decay)), ...real };
    for (const term of Object.values(terms)) tf.keep(term);
    return tf.sum(total);
  };
  const { value, grads } = tf.valueAndGrads(loss)(split);
  value.dispose();
  const gradient: tf.Tensor2D = tf.add(layout.join(grads), decayed);
  const step = descend(before, gradient, correction, scalars.learningRate, Number.MAX_VALUE);
  return { learnt: step.learnt, terms: { ...terms, weight_decay: decay, ...step.terms } };
}

/** 1 where a weight of a layer stands, 0 where a bias or bound does: [1, size]. */
function weightMask(layout: ParameterLayout): tf.Tensor2D {
  const mask = new Float32Array(layout.size);
  for (const { name, values } of layout.views(mask)) if (name.endsWith('.weight')) values.fill(1);
  return tf.tensor2d(mask, [1, layout.size]);
}
