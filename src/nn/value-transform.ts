import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../engine/own-kernel.ts';

/** ε of the transform: what keeps it invertible with a bounded slope. */
const EPSILON = 0.001;

/**
 * h(x) = sign(x) (√(|x| + 1) − 1) + εx (Pohlen et al. 2018), ε = 0.001, elementwise: near x / 2 for small numbers, a root
 * for large ones. Of constants: it has no gradient of its own.
 */
export const transformed = (x: tf.Tensor): tf.Tensor => {
  const magnitude = tf.abs(x);
  // |x| / (√(|x| + 1) + 1), the same without a difference of near numbers.
  const root = tf.div(magnitude, tf.add(tf.sqrt(tf.add(magnitude, 1)), 1));
  return tf.add(tf.mul(tf.step(x, -1), root), tf.mul(x, EPSILON));
};

/**
 * The inverse of `transformed`, sign(y) ((√(1 + 4ε (|y| + 1 + ε)) − 1)² / (2ε)² − 1). That form cancels in float32, to
 * errors of 1e-3 where y is 15; with t = |y| + 1 + ε and u = 2t / (1 + √(1 + 4εt)) it is u² − 1. It has no gradient either.
 */
export const inverseTransformed = (y: tf.Tensor): tf.Tensor => {
  const own = ownKernel('InverseTransform');
  if (own) return own({ x: y }, { epsilon: EPSILON })[0]!;
  const t = tf.add(tf.abs(y), 1 + EPSILON);
  const u = tf.div(tf.mul(t, 2), tf.add(tf.sqrt(tf.add(tf.mul(t, 4 * EPSILON), 1)), 1));
  return tf.mul(tf.step(y, -1), tf.sub(tf.square(u), 1));
};

/** The least whole number that h(x) does not exceed: how far a support must reach for x ≥ 0. */
export const supportFor = (x: number): number => Math.ceil(Math.sqrt(x + 1) - 1 + EPSILON * x);
