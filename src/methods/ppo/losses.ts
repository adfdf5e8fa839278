import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../../engine/custom-gradient.ts';
import { memberMean } from '../../training/reduce.ts';

/**
 * The clipped surrogate (Schulman et al. 2017, equation 7), to be minimised:
 *
 *   ρ = π(a | o) / π_old(a | o)      L = −mean min(ρ A, clip(ρ, 1 − ε, 1 + ε) A)
 *
 * so that ∂L / ∂ log π(a | o) = −ρ A / n where the first is the lesser, else 0.
 *
 * @param logProbability log π(a | o): [members, batch]
 * @param before log π_old(a | o), a constant: [members, batch]
 * @param advantage A, a constant: [members, batch]
 * @param clipRange ε, a constant: [members, 1]
 * @returns [members]
 */
export function clippedSurrogate(
  logProbability: tf.Tensor,
  before: tf.Tensor,
  advantage: tf.Tensor,
  clipRange: tf.Tensor,
): tf.Tensor1D {
  const gain = withGradient([logProbability], () => {
    const ratio = tf.exp(tf.sub(logProbability, before));
    const clipped = tf.maximum(tf.minimum(ratio, tf.add(1, clipRange)), tf.sub(1, clipRange));
    const plain = tf.mul(ratio, advantage);
    const bounded = tf.mul(clipped, advantage);
    const counts = tf.cast(tf.lessEqual(plain, bounded), 'float32');
    return {
      value: tf.minimum(plain, bounded),
      keep: [tf.mul(counts, plain)],
      gradient: (dy, [slope]) => [tf.mul(dy, slope)],
    };
  });
  return tf.neg(memberMean(gain));
}

/**
 * (A − mean) / (standard deviation + 1e-8), with n − 1, over each member's batch.
 *
 * @param advantage [members, batch], a batch of at least 2
 */
export function standardise(advantage: tf.Tensor): tf.Tensor {
  const centred = tf.sub(advantage, tf.mean(advantage, 1, true));
  const variance = tf.div(tf.sum(tf.square(centred), 1, true), advantage.shape[1]! - 1);
  return tf.div(centred, tf.add(tf.sqrt(variance), 1e-8));
}

/**
 * How far a policy has moved since it collected: the estimate mean(ρ − 1 − log ρ) of KL(π_old ‖ π), in nats (Schulman
 * 2020), and the share of ratios outside [1 − ε, 1 + ε]. Shapes as in `clippedSurrogate`.
 */
export function policyChange(
  logProbability: tf.Tensor,
  before: tf.Tensor,
  clipRange: tf.Tensor,
): { approximateKl: tf.Tensor1D; clipFraction: tf.Tensor1D } {
  const logRatio = tf.sub(logProbability, before);
  const change = tf.sub(tf.exp(logRatio), 1);
  return {
    approximateKl: memberMean(tf.sub(change, logRatio)),
    clipFraction: memberMean(tf.cast(tf.greater(tf.abs(change), clipRange), 'float32')),
  };
}
