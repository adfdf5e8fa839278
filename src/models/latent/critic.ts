import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { foldHeads, leastOfHeads, toHeads } from '../../nn/ensemble.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { Noise } from '../../training/acting.ts';
import { HIDDEN_LAYERS, network } from './layers.ts';
import type { LatentNetworks } from './networks.ts';
import type { CriticSettings } from './settings.ts';

/**
 * What all heads make of actions. To the engine a head is one more member, so that all are computed at once.
 *
 * @param critic of the heads: [members, heads, …]
 * @param x features and action side by side: [members, rows, inputs]
 * @param inputGradient false where x is a constant
 * @returns [members, heads, rows, outputs]
 */
export function headOutputs(
  { critic: { heads }, criticLayout, settings: { layers: kind } }: LatentNetworks,
  critic: Parameters,
  x: tf.Tensor,
  inputGradient = true,
): tf.Tensor {
  const [members, rows, inputs] = x.shape as [number, number, number];
  const repeated = tf.reshape(toHeads(x, heads), [members * heads, rows, inputs]);
  const folded = foldHeads(critic, criticLayout.specs);
  const style = { kind, normedFirst: true };
  const output = network(folded, 'critic', HIDDEN_LAYERS, repeated, style, inputGradient);
  return tf.reshape(output, [members, heads, rows, output.shape.at(-1)!]);
}

/** What says which two heads judge. */
export const PAIR_NOISE = { distribution: 'uniform', size: 2 } as const satisfies Noise;

/**
 * Two different heads, each pair equally likely: 1 for those and 0 for the others.
 *
 * @param noise of `PAIR_NOISE`: [members, …, 2]
 * @returns [members, heads, …]
 */
export function twoHeads(noise: tf.Tensor, heads: number): tf.Tensor {
  const [u, v] = tf.split(noise, 2, -1).map((x) => tf.squeeze(x, [-1])) as [tf.Tensor, tf.Tensor];
  const among = (x: tf.Tensor, n: number) => tf.minimum(tf.floor(tf.mul(x, n)), n - 1);
  const one = among(u, heads);
  const further = tf.add(tf.add(one, among(v, heads - 1)), 1);
  const other = tf.sub(further, tf.mul(tf.step(tf.sub(further, heads - 0.5)), heads));
  const chosen = [one, other].map((index) => oneHot(tf.cast(index, 'int32'), heads));
  const mask = tf.add(chosen[0]!, chosen[1]!);
  const rest = Array.from({ length: mask.rank - 2 }, (_, i) => i + 1);
  return tf.transpose(mask, [0, mask.rank - 1, ...rest]);
}

/** What is not to be the least of some values is made this much larger. */
const FAR = 1e30;

/**
 * What heads say together.
 *
 * @param values of each: [members, heads, …]
 * @param mask from `twoHeads`, with as many axes; undefined: all heads judge
 * @returns the mean of those that judge, or the least: [members, …]
 */
export function judged(
  values: tf.Tensor,
  mask: tf.Tensor | undefined,
  pair: CriticSettings['pair'],
): tf.Tensor {
  if (!mask) return pair === 'mean' ? tf.mean(values, 1) : leastOfHeads(values);
  if (pair === 'mean') return tf.mul(tf.sum(tf.mul(values, mask), 1), 0.5);
  return leastOfHeads(tf.add(values, tf.mul(tf.sub(1, mask), FAR)));
}
