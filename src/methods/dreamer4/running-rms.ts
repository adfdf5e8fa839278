import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';

/** The least that a loss is divided by: one that has nothing left to learn would drown the others otherwise. */
const LEAST_RMS = 1e-3;

/**
 * The running mean squares of losses, whose root each is divided by (Hafner et al. 2025, section 3), a constant:
 *
 *   s ← decay s + (1 − decay) L²      L / √(s / (1 − decayⁿ)), of the n-th loss, this one among those averaged
 *
 * @param losses [members, terms]
 * @param squares s before: [members, terms], 0 before the first
 * @returns s
 */
export const runningSquares = (losses: tf.Tensor, squares: tf.Tensor, decay: number): tf.Tensor =>
  tf.add(tf.mul(squares, decay), tf.mul(tf.square(losses), 1 - decay));

/**
 * The losses divided by it: [members, terms].
 *
 * @param squares s, these losses included
 * @param correction 1 / (1 − decayⁿ), a scalar
 */
export function byRunningRms(losses: tf.Tensor, squares: tf.Tensor, correction: tf.Tensor): tf.Tensor {
  const share = stopGradient(() =>
    tf.reciprocal(tf.maximum(tf.sqrt(tf.mul(squares, correction)), LEAST_RMS)),
  );
  return tf.mul(losses, share);
}

/** 1 / (1 − decayⁿ). */
export const rmsCorrection = (decay: number, count: number): number => 1 / (1 - decay ** count);
