import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { mixedLogProbabilities, sampleCategorical } from './categorical.ts';
import { clip } from './distributions.ts';
import { HALF_LOG_TWO_PI } from './gaussian.ts';

/** Whether each dimension picks its component by itself, or one pick serves the whole vector. */
export type MixtureKind = 'factored' | 'joint';

/** What fixes the arrays of a mixture of Gaussians over vectors. */
export interface MixtureShape {
  kind: MixtureKind;
  /** Z */
  dimensions: number;
  /** K */
  components: number;
}

/**
 * A mixture of Gaussians of independent dimensions. `factored` has weights π for each dimension (G = Z), as Ha and
 * Schmidhuber (2018) have them, `joint` one row of them for the vector (G = 1), so that its dimensions may go together.
 */
export interface Mixture {
  /** log π, up to a constant: [members, …, G, K] */
  logits: tf.Tensor;
  /** μ: [members, …, Z, K] */
  mean: tf.Tensor;
  /** log σ: [members, …, Z, K] */
  logStd: tf.Tensor;
}

/** The least log σ: densities grow without bound as σ falls, and so would the likelihood of what is always the same. */
const LEAST_LOG_STD = -7;

/** G */
export const mixtureGroups = ({ kind, dimensions }: MixtureShape): number =>
  kind === 'factored' ? dimensions : 1;

/** Numbers that a network gives for one mixture. */
export const mixtureOutputs = (shape: MixtureShape): number =>
  (mixtureGroups(shape) + 2 * shape.dimensions) * shape.components;

/** The mixture that a network's outputs stand for: [members, …, numbers of `mixtureOutputs`]. */
export function mixtureOf(outputs: tf.Tensor, shape: MixtureShape): Mixture {
  const { dimensions, components } = shape;
  const rows = [mixtureGroups(shape), dimensions, dimensions];
  const parts = tf.split(
    outputs,
    rows.map((count) => count * components),
    -1,
  );
  const [logits, mean, logStd] = parts.map((part, i) =>
    tf.reshape(part, [...outputs.shape.slice(0, -1), rows[i]!, components]),
  ) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { logits, mean, logStd: clip(logStd, LEAST_LOG_STD, Number.MAX_VALUE) };
}

/**
 * The log-density of vectors, in nats:
 *
 *   log p(x) = log Σ_k π_k Π N(x; μ_k, σ_k)
 *
 * the product over the dimensions of a group. Densities exceed 1 where σ is small, so this may be positive. Differentiated
 * by the mixture alone.
 *
 * @param x [members, …, Z]
 * @returns of each group, [members, …, G]: their sum is that of the vector
 */
export function mixtureLogLikelihood({ logits, mean, logStd }: Mixture, x: tf.Tensor): tf.Tensor {
  return withGradient([logits, mean, logStd], () => {
    const precision = tf.exp(tf.neg(logStd));
    const standardised = tf.mul(tf.sub(tf.expandDims(x, -1), mean), precision);
    const ofDimension = tf.sub(tf.mul(-0.5, tf.square(standardised)), tf.add(logStd, HALF_LOG_TWO_PI));
    const isJoint = logits.shape.at(-2) === 1;
    const density = isJoint ? tf.sum(ofDimension, ofDimension.rank - 2, true) : ofDimension;
    const logWeights = mixedLogProbabilities(logits, 0);
    const joint = tf.add(logWeights, density);
    const largest = tf.max(joint, joint.rank - 1, true);
    const scaled = tf.exp(tf.sub(joint, largest));
    const sum = tf.sum(scaled, scaled.rank - 1, true);
    return {
      value: tf.squeeze(tf.add(largest, tf.log(sum)), [joint.rank - 1]),
      keep: [tf.div(scaled, sum), tf.exp(logWeights), standardised, precision],
      // Of a component, how far it answers for x, its responsibility ρ: ∂ log π = ρ − π, ∂μ = ρ (x − μ) / σ²,
      // ∂ log σ = ρ ((x − μ)² / σ² − 1).
      gradient: (dy, [responsibility, weights, standardised, precision]) => {
        const scale = tf.expandDims(dy, -1);
        const share = tf.mul(scale, responsibility);
        return [
          tf.sub(share, tf.mul(scale, weights)),
          tf.mul(share, tf.mul(standardised, precision)),
          tf.mul(share, tf.sub(tf.square(standardised), 1)),
        ];
      },
    };
  });
}

/** What a sample is drawn with. */
export interface MixtureNoise {
  /** Uniform in [0, 1), which component: [members, …, G] */
  uniform: tf.Tensor;
  /** N(0, 1): [members, …, Z] */
  normal: tf.Tensor;
}

/**
 * A sample at temperature τ: the component k ~ softmax(log π / τ), by inversion, and then μ_k + σ_k √τ ε (Ha & Schmidhuber
 * 2018). Forward only.
 *
 * @param temperature τ; 1 is the mixture itself
 * @param noise undefined: what τ → 0 tends to, the mean of the component of the greatest weight
 * @returns [members, …, Z]
 */
export function sampleMixture(
  { logits, mean, logStd }: Mixture,
  temperature: tf.Scalar | number,
  noise: MixtureNoise | undefined,
): tf.Tensor {
  const tempered = mixedLogProbabilities(noise ? tf.div(logits, temperature) : logits, 0);
  // Of one component there is nothing to choose.
  const isOne = logits.shape.at(-1) === 1;
  const choice = isOne ? tf.onesLike(logits) : sampleCategorical(tempered, noise?.uniform);
  const chosen = (x: tf.Tensor) => tf.sum(tf.mul(choice, x), x.rank - 1);
  if (!noise) return chosen(mean);
  const std = tf.mul(tf.exp(chosen(logStd)), tf.sqrt(temperature));
  return tf.add(chosen(mean), tf.mul(std, noise.normal));
}
