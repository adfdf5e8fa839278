import * as tf from '@tensorflow/tfjs-core';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import type { TdmpcSettings } from './settings.ts';

/** What of a model's settings says how z predicts itself. */
type SelfPrediction = Pick<TdmpcSettings['model'], 'target' | 'distance'>;

/**
 * How far predicted latents are from those that were to be predicted, [members]: the mean over batch, steps and w of
 *
 *   squared   |ẑ − z*|², the mean over the numbers of z
 *   cosine    |ẑ / |ẑ| − z* / |z*||² = 2 − 2 cos(ẑ, z*), which does not see how long they are (SPR, BYOL)
 *
 * @param predicted ẑ, what a predictor head makes of it where there is one: [members, batch, time, latent]
 * @param wanted z*, a constant unless the target is `unstopped`: [members, batch, time, latent]
 * @param weight w, a constant: [members, batch, time]
 */
export function consistency(
  predicted: tf.Tensor,
  wanted: tf.Tensor,
  weight: tf.Tensor3D,
  { target, distance }: SelfPrediction,
): tf.Tensor1D {
  if (distance === 'cosine') return memberMean(tf.mul(normalisedDistance(predicted, wanted), weight));
  const ofNumbers = tf.mul(tf.expandDims(weight, 3), tf.onesLike(wanted));
  return target === 'unstopped'
    ? meanSquaredError(tf.sub(predicted, wanted), tf.zerosLike(wanted), ofNumbers)
    : meanSquaredError(predicted, wanted, ofNumbers);
}

/** |x / |x| − y / |y||² over the last axis, [members, …, numbers] -> [members, …]; differentiated by both. */
export const normalisedDistance = (x: tf.Tensor, y: tf.Tensor): tf.Tensor =>
  tf.sum(tf.square(tf.sub(unit(x), unit(y))), -1);

/** Lengths below this one count as this one (SPR: 1e-3). */
const SHORTEST = 1e-3;

/** x / max(|x|, ε) over the last axis. The square root's slope at 0 is infinite: there its argument is a constant. */
function unit(x: tf.Tensor): tf.Tensor {
  const squares = tf.sum(tf.square(x), -1, true);
  return tf.div(x, tf.sqrt(tf.maximum(squares, SHORTEST ** 2)));
}
