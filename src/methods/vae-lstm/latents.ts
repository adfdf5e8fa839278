import * as tf from '@tensorflow/tfjs-core';
import { encode } from '../../models/vae/encoder.ts';
import type { VaeShape } from '../../models/vae/vae.ts';
import { klToStandardNormal } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';

/** How the dimensions of the latent space are used, in the order of losses.csv. */
export const LATENT_TERMS = [
  'kl_min',
  'kl_max',
  'latent_std_min',
  'latent_std',
  'latent_std_max',
  'active_units',
] as const;

/** Least variance of μ_d over observations for dimension d to count as active (Burda et al. 2016, section 5.2). */
const ACTIVE_VARIANCE = 0.01;

/**
 * Over a batch of observations, of each latent dimension d the mean KL_d and the standard deviation of μ_d, and of these
 * the extremes, the mean, and how many dimensions are active:
 *
 *   active units = #{ d : Var(μ_d) > 0.01 }
 *
 * A dimension that carries nothing has KL_d and Var(μ_d) near 0; when all do, the latent space has collapsed.
 *
 * @param encoder its parameters
 * @param observations õ: [members, …, observation]
 * @returns [terms, members]
 */
export function latentTerms(encoder: Parameters, vae: VaeShape, observations: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const { mean, logVariance } = encode(encoder, vae, observations);
    const [members, latent] = [mean.shape[0]!, mean.shape.at(-1)!];
    const perDimension = (x: tf.Tensor) => tf.reshape(x, [members, -1, latent]);
    const kl = tf.mean(perDimension(klToStandardNormal(mean, logVariance)), 1);
    const { variance } = tf.moments(perDimension(mean), 1);
    const std = tf.sqrt(variance);
    const active = tf.sum(tf.cast(tf.greater(variance, ACTIVE_VARIANCE), 'float32'), 1);
    return tf.stack([
      ...[tf.min(kl, 1), tf.max(kl, 1)],
      ...[tf.min(std, 1), tf.mean(std, 1), tf.max(std, 1)],
      active,
    ]) as tf.Tensor2D;
  });
}
