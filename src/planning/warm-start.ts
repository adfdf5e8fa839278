import * as tf from '@tensorflow/tfjs-core';

/**
 * Plans without their first step, something else as their last: [rows, horizon, actions].
 *
 * @param last [rows, 1, actions]
 */
export function movedOn(plans: tf.Tensor3D, last: tf.Tensor3D): tf.Tensor3D {
  const [rows, horizon, actions] = plans.shape;
  return tf.slice(tf.concat([plans, last], 1), [0, 1, 0], [rows, horizon, actions]) as tf.Tensor3D;
}

/** Where an episode starts the one, else the other: [rows, horizon, actions], `first` [rows, 1, 1] is 1 or 0. */
export const whereFirst = (first: tf.Tensor, then: tf.Tensor3D, otherwise: tf.Tensor3D): tf.Tensor3D =>
  tf.add(tf.mul(first, then), tf.mul(tf.sub(1, first), otherwise));

/**
 * The mean that a search begins with: the plan of the step before moved by one step, nothing known of its last; where an
 * episode starts nothing at all.
 *
 * @param plan of the step before: [rows, horizon, actions]
 * @param unknown what a mean is of which nothing is known
 */
export function warmStart(plan: tf.Tensor3D, first: tf.Tensor3D, unknown: number): tf.Tensor3D {
  const [rows, , actions] = plan.shape;
  const nothing: tf.Tensor3D = tf.fill(plan.shape, unknown);
  const moved = movedOn(plan, tf.slice(nothing, [0, 0, 0], [rows, 1, actions]));
  return whereFirst(tf.reshape(first, [rows, 1, 1]), nothing, moved);
}

/** The first step of plans: [rows, horizon, actions] -> [rows, actions]. */
export function firstStep(plans: tf.Tensor3D): tf.Tensor2D {
  const [rows, , actions] = plans.shape;
  return tf.reshape(tf.slice(plans, [0, 0, 0], [rows, 1, actions]), [rows, actions]);
}
