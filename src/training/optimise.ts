import * as tf from '@tensorflow/tfjs-core';
import {
  type AdamMoments,
  adam,
  type BiasCorrection,
  clipToNorm,
  globalNorm,
  zeroMoments,
} from '../nn/adam.ts';
import { adaptiveClip, laprop } from '../nn/laprop.ts';
import type { ParameterLayout } from '../nn/parameters.ts';
import type { WeightNames } from './training-state.ts';
import { weightsNamed } from './weights.ts';

/** How gradients are followed; the config keys of the same names describe them. */
export interface OptimizerSettings {
  name: 'laprop' | 'adam';
  epsilon: number;
  /** Updates. */
  warmUp: number;
  adaptiveClip: number;
  gradientClip: number;
}

/** A network's parameters with the optimizer's averages, [members, size] each. */
export interface Optimised {
  parameters: tf.Tensor2D;
  moments: AdamMoments;
}

/** Parameters that no update has changed. */
export const freshOptimised = (parameters: tf.Tensor2D): Optimised => ({
  parameters,
  moments: zeroMoments(...parameters.shape),
});

/** Something of each of its tensors. */
export const mapOptimised = (
  { parameters, moments: { mean, square } }: Optimised,
  of: (x: tf.Tensor2D) => tf.Tensor2D,
): Optimised => ({ parameters: of(parameters), moments: { mean: of(mean), square: of(square) } });

/** Frees each of its tensors. */
export const freeOptimised = ({ parameters, moments }: Optimised): void =>
  tf.dispose([parameters, moments.mean, moments.square]);

/** A network as checkpoints name it: NAME, NAME.mean and NAME.square. */
export const namedOptimised = (name: string, { parameters, moments }: Optimised): [string, tf.Tensor2D][] => [
  [name, parameters],
  [`${name}.mean`, moments.mean],
  [`${name}.square`, moments.square],
];

/** The inverse of `namedOptimised`. */
export const optimisedFrom = (tensors: ReadonlyMap<string, tf.Tensor2D>, name: string): Optimised => ({
  parameters: weightsNamed(tensors, name),
  moments: { mean: weightsNamed(tensors, `${name}.mean`), square: weightsNamed(tensors, `${name}.square`) },
});

/** How the weights of a method with a single network are named. */
export const optimisedNames = (name: string): WeightNames<Optimised> => ({
  named: (weights) => namedOptimised(name, weights),
  from: (tensors) => optimisedFrom(tensors, name),
});

/** What a step size is multiplied by at update t, 1 for the first, which does not move: (t − 1) / warmUp, at most 1. */
export const warmedUp = (update: number, { warmUp }: Pick<OptimizerSettings, 'warmUp'>): number =>
  warmUp > 0 ? Math.min(1, (update - 1) / warmUp) : 1;

/**
 * One step of the optimizer, after clipping each tensor's gradient to a share of its norm, and the whole to a global norm.
 *
 * @param gradient [members, size]
 * @param learningRate warm-up included: [members, 1]
 */
export function optimise(
  layout: ParameterLayout,
  { parameters, moments }: Optimised,
  gradient: tf.Tensor2D,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
  { name, epsilon, adaptiveClip: share, gradientClip }: OptimizerSettings,
): Optimised {
  const clipped = share > 0 ? adaptiveClip(layout, parameters, gradient, share) : gradient;
  if (name === 'laprop') {
    const whole = gradientClip > 0 ? clipToNorm(clipped, globalNorm(clipped), gradientClip) : clipped;
    return laprop(parameters, whole, moments, correction, learningRate, epsilon);
  }
  const largest = gradientClip > 0 ? gradientClip : Number.MAX_VALUE;
  const norm = globalNorm(clipped);
  return adam(parameters, clipped, norm, moments, correction, learningRate, largest, epsilon);
}

/** What losses.csv tells of a step: the gradient's norm before clipping, the parameters' after the step; [members] each. */
export type DescentTerms = Record<'gradient_norm' | 'weight_norm', tf.Tensor1D>;

/**
 * One step of Adam along a gradient that is clipped to a global norm, for networks that `OptimizerSettings` are not for.
 *
 * @param gradient [members, size]
 * @param learningRate [members, 1]
 * @param epsilon Adam's, default: its own
 */
export function descend(
  { parameters, moments }: Optimised,
  gradient: tf.Tensor2D,
  correction: BiasCorrection,
  learningRate: tf.Tensor2D,
  gradientClip: number,
  epsilon?: number,
): { learnt: Optimised; terms: DescentTerms } {
  const norm = globalNorm(gradient);
  const learnt = adam(parameters, gradient, norm, moments, correction, learningRate, gradientClip, epsilon);
  return {
    learnt,
    terms: {
      gradient_norm: tf.squeeze(norm, [1]),
      weight_norm: tf.squeeze(globalNorm(learnt.parameters), [1]),
    },
  };
}
