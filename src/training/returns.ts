import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../engine/own-kernel.ts';

/**
 * The λ-return (Sutton & Barto 2018, section 12.1), backwards from R_H = v_H:
 *
 *   R_t = r_t + d_t ((1 − λ) v_{t+1} + λ R_{t+1})
 *
 * With v = 0 and λ = 1 this is the discounted sum of the rewards up to the horizon, without bootstrap.
 *
 * @param reward r_t of the transition t -> t + 1: [members, batch, horizon]
 * @param discount d_t = γ ĉ_{t+1}: [members, batch, horizon]
 * @param nextValue v_{t+1}: [members, batch, horizon]
 * @returns R_t: [members, batch, horizon]
 */
export function lambdaReturn(
  reward: tf.Tensor3D,
  discount: tf.Tensor3D,
  nextValue: tf.Tensor3D,
  lambda: number,
): tf.Tensor3D {
  const own = ownKernel('LambdaReturn');
  if (own) return own({ reward, discount, nextValue }, { lambda })[0] as tf.Tensor3D;
  return differentiableLambdaReturn(reward, discount, nextValue, lambda);
}

/** The same in tfjs's operations, with gradients to all three. */
export function differentiableLambdaReturn(
  reward: tf.Tensor3D,
  discount: tf.Tensor3D,
  nextValue: tf.Tensor3D,
  lambda: number,
): tf.Tensor3D {
  const rewards = tf.unstack(reward, 2);
  const discounts = tf.unstack(discount, 2);
  const values = tf.unstack(nextValue, 2);
  const returns: tf.Tensor[] = [];
  let next = values.at(-1)!;
  for (let t = rewards.length - 1; t >= 0; t--) {
    const mixed = tf.add(tf.mul(values[t]!, 1 - lambda), tf.mul(next, lambda));
    next = tf.add(rewards[t]!, tf.mul(discounts[t]!, mixed));
    returns.unshift(next);
  }
  return tf.stack(returns, 2) as tf.Tensor3D;
}

/**
 * Quantiles of each row, with linear interpolation between order statistics; the rows are sorted once.
 *
 * @param x [members, values]
 * @param at which ones, each in [0, 1]
 * @returns for each of them [members]
 */
export function quantiles(x: tf.Tensor2D, at: readonly number[]): tf.Tensor1D[] {
  const [members, size] = x.shape;
  if (size === 1) return at.map(() => tf.reshape(x, [members]));
  const descending = tf.topk(x, size, true).values as tf.Tensor2D;
  return at.map((q) => {
    const position = (1 - q) * (size - 1);
    const index = Math.min(Math.floor(position), size - 2);
    const weight = position - index;
    const pair = tf.slice(descending, [0, index], [members, 2]);
    return tf.sum(tf.mul(pair, tf.tensor1d([1 - weight, weight])), 1);
  });
}

/**
 * The difference of two quantiles of each row.
 *
 * @param x [members, values]
 * @param low lower quantile in [0, 1]
 * @param high upper quantile in [0, 1]
 * @returns [members]
 */
export function quantileRange(x: tf.Tensor2D, low: number, high: number): tf.Tensor1D {
  const [upper, lower] = quantiles(x, [high, low]) as [tf.Tensor1D, tf.Tensor1D];
  return tf.sub(upper, lower);
}
