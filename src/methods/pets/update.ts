import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { ensembleLoss, ensembleTerms } from '../../models/ensemble/losses.ts';
import { noStandardisation } from '../../models/ensemble/standardisation.ts';
import type { Windows } from '../../models/windows.ts';
import { type AdamMoments, adam, type BiasCorrection, globalNorm, zeroMoments } from '../../nn/adam.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { PetsSettings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = [
  'loss',
  'nll',
  'squared_error',
  'bounds',
  'continue',
  'weight_decay',
  'gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];

/** What is learnt by gradients, each tensor `[members, size]`. */
export interface Learnt {
  model: tf.Tensor2D;
  moments: AdamMoments;
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights extends Learnt {
  /** By which the networks see: that of all experience at the last update. */
  standardisation: tf.Tensor2D;
}

export function initialWeights(
  layout: ParameterLayout,
  spaces: AgentSpaces,
  streams: readonly RandomStream[],
): Weights {
  return {
    model: layout.initialise(streams),
    moments: zeroMoments(streams.length, layout.size),
    standardisation: noStandardisation(streams.length, spaces),
  };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ model, moments, standardisation }: Weights): [string, tf.Tensor2D][] => [
  ['model', model],
  ['model.mean', moments.mean],
  ['model.square', moments.square],
  ['standardisation', standardisation],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    model: get('model'),
    moments: { mean: get('model.mean'), square: get('model.square') },
    standardisation: get('standardisation'),
  };
}

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
export function learn(
  layout: ParameterLayout,
  { model: settings }: PetsSettings,
  spaces: AgentSpaces,
  before: Learnt,
  windows: Windows,
  standardisation: tf.Tensor2D,
  correction: BiasCorrection,
  scalars: MemberScalars,
): { weights: Learnt; terms: Partial<Record<LossTerm, tf.Tensor>> } {
  const split = layout.split(before.model);
  const decayed = tf.mul(tf.mul(before.model, weightMask(layout)), scalars.weightDecay);
  const decay = tf.mul(0.5, tf.sum(tf.mul(decayed, before.model), 1));
  let terms: Partial<Record<LossTerm, tf.Tensor>> | undefined;
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
  const norm = globalNorm(gradient);
  const { parameters, moments } = adam(
    before.model,
    gradient,
    norm,
    before.moments,
    correction,
    scalars.learningRate,
    Number.MAX_VALUE,
  );
  return {
    weights: { model: parameters, moments },
    terms: {
      ...terms,
      weight_decay: decay,
      gradient_norm: tf.squeeze(norm, [1]),
      weight_norm: tf.squeeze(globalNorm(parameters), [1]),
    },
  };
}

/** 1 where a weight of a layer stands, 0 where a bias or bound does: [1, size]. */
function weightMask(layout: ParameterLayout): tf.Tensor2D {
  const mask = new Float32Array(layout.size);
  for (const { name, values } of layout.views(mask)) if (name.endsWith('.weight')) values.fill(1);
  return tf.tensor2d(mask, [1, layout.size]);
}
