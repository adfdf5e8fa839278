import * as tf from '@tensorflow/tfjs-core';
import { memberSum } from '../../training/reduce.ts';

/**
 * x̂: the clean latents that a network expects of noisy ones.
 *
 * @param latent z̃: [members, rows, time, latent]
 * @param signal index of τ of each: int32 [members, rows, time]
 * @param step i of the step d = 2^i / K_max: likewise
 */
export type Predict = (latent: tf.Tensor, signal: tf.Tensor, step: tf.Tensor) => tf.Tensor;

/** Index of τ -> τ, with an axis for the latent's numbers: [members, rows, time, 1]. */
export const signalLevel = (signal: tf.Tensor, levels: number): tf.Tensor =>
  tf.expandDims(tf.div(tf.cast(signal, 'float32'), levels), -1);

/** z̃ = (1 − τ) z_0 + τ z_1, noise z_0 and data z_1 (Hafner et al. 2025, eq. 1): τ = 0 is noise, 1 data. */
export const noised = (clean: tf.Tensor, noise: tf.Tensor, tau: tf.Tensor): tf.Tensor =>
  tf.add(tf.mul(tf.sub(1, tau), noise), tf.mul(tau, clean));

/** Frames whose target may be bootstrapped. */
export interface BootstrapFrames {
  /** z̃: [members, rows, time, latent] */
  latent: tf.Tensor;
  /** z_1, the target where no half steps are made */
  clean: tf.Tensor;
  signal: tf.Tensor;
  /** As `HalfSteps` has them: int32 [members, rows, time] each, `moves` float32 */
  half: { step: tf.Tensor; signal: tf.Tensor; moves: tf.Tensor };
}

/**
 * What x̂ of a step d is trained towards: where two steps of d / 2 lead (eq. 7), in the form that needs no division of what
 * is differentiated,
 *
 *   b' = (f(z̃, τ, d/2) − z̃) / (1 − τ)      z' = z̃ + b' d/2      b'' = (f(z', τ + d/2, d/2) − z') / (1 − τ − d/2)
 *   target = z̃ + (1 − τ) (b' + b'') / 2
 *
 * and z_1 at the finest step. A constant: to be called where nothing is recorded.
 *
 * @param levels K_max
 */
export function bootstrapTarget(predict: Predict, frames: BootstrapFrames, levels: number): tf.Tensor {
  const { latent, clean, signal, half } = frames;
  const moves = tf.expandDims(half.moves, -1);
  const before = signalLevel(signal, levels);
  const between = signalLevel(half.signal, levels);
  // A frame that is clean makes no step, and is not to be divided by 0.
  const left = (tau: tf.Tensor) => tf.maximum(tf.sub(1, tau), 1 / levels);
  const first = tf.div(tf.sub(predict(latent, signal, half.step), latent), left(before));
  const there = tf.add(latent, tf.mul(tf.mul(first, moves), tf.sub(between, before)));
  const second = tf.div(tf.sub(predict(there, half.signal, half.step), there), left(between));
  const led = tf.add(latent, tf.mul(left(before), tf.mul(tf.add(first, second), 0.5)));
  return tf.add(tf.mul(moves, led), tf.mul(tf.sub(1, moves), clean));
}

/**
 * |x̂ − target|² / n of each frame, n numbers of a latent: [members, rows, time].
 *
 * @param inverseScale what errors are multiplied by, 1 / σ of what is predicted: of a shape that broadcasts
 */
export function frameErrors(prediction: tf.Tensor, target: tf.Tensor, inverseScale?: tf.Tensor): tf.Tensor {
  const error = tf.sub(prediction, target);
  return tf.mean(tf.square(inverseScale ? tf.mul(error, inverseScale) : error), -1);
}

/** Σ w e over frames, w being constants that hold the ramp, the mask and their normalisation: [members]. */
export const forcingLoss = (errors: tf.Tensor, weights: tf.Tensor): tf.Tensor1D =>
  memberSum(tf.mul(errors, weights));

/**
 * A new latent in K steps of d = 1 / K from noise (section 3.2): z ← z + (x̂ − z) / (1 − τ) · d at τ = 0, d, … 1 − d. The last
 * of them ends at x̂ itself.
 *
 * @param noise z_0: [members, batch, 1, latent]
 * @param steps K, a divisor of K_max
 * @param levels K_max
 */
export function sampleLatent(predict: Predict, noise: tf.Tensor, steps: number, levels: number): tf.Tensor {
  const shape = noise.shape.slice(0, 3) as [number, number, number];
  const label = (index: number) => tf.fill(shape, index, 'int32');
  const size = label(Math.log2(levels / steps));
  let latent = noise;
  for (let k = 0; k < steps; k++) {
    const clean = predict(latent, label((k * levels) / steps), size);
    latent = k === steps - 1 ? clean : tf.add(latent, tf.div(tf.sub(clean, latent), steps - k));
  }
  return latent;
}
