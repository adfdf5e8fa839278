import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { rssmLoss, rssmTerms, type StepWindows } from '../../models/rssm/losses.ts';
import { rssmModel } from '../../models/rssm/model.ts';
import type { ScalarCode } from '../../models/scalar-code.ts';
import { type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import {
  freshOptimised,
  namedOptimised,
  type Optimised,
  optimise,
  optimisedFrom,
} from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { PlanetSettings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = [
  'loss',
  'reconstruction',
  'reward',
  'continue',
  'dynamics',
  'representation',
  'kl',
  'gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  model: Optimised;
  /** Moving average of the model. */
  average: tf.Tensor2D;
}

export function initialWeights(layout: ParameterLayout, streams: readonly RandomStream[]): Weights {
  const model = layout.initialise(streams);
  return { model: freshOptimised(model), average: model.clone() };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ model, average }: Weights): [string, tf.Tensor2D][] => [
  ...namedOptimised('model', model),
  ['average.model', average],
];

/** The inverse of `namedWeights`. */
export const weightsFrom = (tensors: Map<string, tf.Tensor2D>): Weights => ({
  model: optimisedFrom(tensors, 'model'),
  average: weightsNamed(tensors, 'average.model'),
});

/** Hyper-parameters that may differ from member to member, or change from update to update: [members, 1] each. */
export interface MemberScalars {
  /** Warm-up included. */
  learningRate: tf.Tensor2D;
  /** Rate of this update's step of the average. */
  average: tf.Tensor2D;
}

/**
 * One update of the world model.
 *
 * @param noise of the posterior: [members, batch, time, numbers]
 * @returns also the states that the windows' steps are remembered by, h and z: [members, batch, time, features]
 */
export function learn(
  layout: ParameterLayout,
  reward: ScalarCode,
  settings: PlanetSettings,
  spaces: AgentSpaces,
  before: Weights,
  windows: StepWindows,
  noise: tf.Tensor,
  correction: BiasCorrection,
  scalars: MemberScalars,
): { weights: Weights; memory: tf.Tensor; terms: Partial<Record<LossTerm, tf.Tensor>> } {
  const split = layout.split(before.model.parameters);
  let seen: { memory: tf.Tensor; terms: Partial<Record<LossTerm, tf.Tensor>> } | undefined;
  const loss = (): tf.Scalar => {
    const parameters = layout.named(split);
    const model = rssmModel(parameters, settings.model, spaces, reward);
    const goesOn = tf.sub(1, windows.terminal);
    const real = rssmTerms(parameters, model, reward, windows, goesOn, noise, settings.model);
    const total = rssmLoss(real.terms, settings.model);
    seen = {
      memory: tf.keep(stopGradient(() => tf.clone(real.features))),
      terms: { loss: total, ...real.terms },
    };
    for (const term of Object.values(seen.terms)) tf.keep(term);
    return tf.sum(total);
  };
  const { value, grads } = tf.valueAndGrads(loss)(split);
  value.dispose();
  const gradient = layout.join(grads);
  const { learningRate } = scalars;
  const model = optimise(layout, before.model, gradient, correction, learningRate, settings.optimizer);
  return {
    weights: { model, average: movingAverage(before.average, model.parameters, scalars.average) },
    memory: seen!.memory,
    terms: {
      ...seen!.terms,
      gradient_norm: tf.squeeze(globalNorm(gradient), [1]),
      weight_norm: tf.squeeze(globalNorm(model.parameters), [1]),
    },
  };
}
