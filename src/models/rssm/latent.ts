import * as tf from '@tensorflow/tfjs-core';
import { categoricalKl, mixedLogProbabilities, sampleCategorical } from '../../nn/categorical.ts';
import { gaussianKl } from '../../nn/gaussian.ts';
import type { Noise } from '../../training/acting.ts';
import type { RssmSettings } from './settings.ts';

/** The family of distributions that prior and posterior of the stochastic state z belong to. */
export interface LatentFamily {
  /** Numbers of z. */
  readonly size: number;
  /** Numbers that a network gives for a distribution. */
  readonly outputs: number;
  /** What z is sampled with. */
  readonly noise: Noise;
  /**
   * z ~ p, differentiable, or without noise the likeliest: [members, …, size].
   *
   * @param output a network's: [members, …, outputs]
   * @param noise [members, …, numbers of `noise`]
   */
  sample(output: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor;
  /** KL(p ‖ q) in nats, summed over z, from the networks' outputs: [members, …, outputs] each -> [members, …]. */
  kl(p: tf.Tensor, q: tf.Tensor): tf.Tensor;
}

type Sizes = Pick<RssmSettings, 'latent' | 'stoch' | 'classes' | 'unimix'>;

export const latentFamily = (settings: Sizes): LatentFamily =>
  settings.latent === 'categorical' ? categorical(settings) : gaussian(settings);

/**
 * `stoch` one-hot vectors of `classes` each, with straight-through gradients (DreamerV2). Probabilities are mixed with
 * the uniform distribution wherever they are used (DreamerV3): p ← (1 − unimix) softmax + unimix / classes.
 */
function categorical({ stoch, classes, unimix }: Sizes): LatentFamily {
  const size = stoch * classes;
  const variables = (x: tf.Tensor) => tf.reshape(x, [...x.shape.slice(0, -1), stoch, classes]);
  const logProbabilities = (output: tf.Tensor) => mixedLogProbabilities(variables(output), unimix);
  return {
    size,
    outputs: size,
    noise: { distribution: 'uniform', size: stoch },
    sample: (output, noise) => tf.reshape(sampleCategorical(logProbabilities(output), noise), output.shape),
    kl: (p, q) => categoricalKl(logProbabilities(p), logProbabilities(q)),
  };
}

/** Least σ. */
const LEAST_STD = 0.1;

/** N(μ, σ) of each dimension, σ = softplus(raw) + 0.1 (PlaNet, Dreamer v1). */
function gaussian({ stoch }: Sizes): LatentFamily {
  const meanAndStd = (output: tf.Tensor) => {
    const [mean, raw] = tf.split(output, 2, -1) as [tf.Tensor, tf.Tensor];
    return { mean, std: tf.add(tf.softplus(raw), LEAST_STD) };
  };
  return {
    size: stoch,
    outputs: 2 * stoch,
    noise: { distribution: 'normal', size: stoch },
    sample: (output, noise) => {
      const { mean, std } = meanAndStd(output);
      return noise ? tf.add(mean, tf.mul(std, noise)) : mean;
    },
    kl: (p, q) => gaussianKl(meanAndStd(p), meanAndStd(q)),
  };
}
