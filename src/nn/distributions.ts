import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/** Sample of N(μ, exp(logvar)) by reparametrisation: μ + exp(logvar / 2) ε. All shapes equal; ε is a constant. */
export function sampleNormal(mean: tf.Tensor, logVariance: tf.Tensor, noise: tf.Tensor): tf.Tensor {
  return withGradient([mean, logVariance], () => {
    const deviation = tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise);
    return {
      value: tf.add(mean, deviation),
      keep: [deviation],
      gradient: (dy, [deviation]) => [tf.clone(dy), tf.mul(dy, tf.mul(deviation, 0.5))],
    };
  });
}

/** x within [low, high]; the gradient is 0 where x is outside. */
export function clip(x: tf.Tensor, low: number, high: number): tf.Tensor {
  return withGradient([x], () => {
    const value = tf.clipByValue(x, low, high);
    return {
      value,
      keep: [x, value],
      gradient: (dy, [x, value]) => [tf.mul(dy, tf.cast(tf.equal(x, value), 'float32'))],
    };
  });
}

/** KL(N(μ, exp(logvar)) ‖ N(0, 1)) of each dimension: (μ² + exp(logvar) − 1 − logvar) / 2, in nats. */
export function klToStandardNormal(mean: tf.Tensor, logVariance: tf.Tensor): tf.Tensor {
  return withGradient([mean, logVariance], () => {
    const variance = tf.exp(logVariance);
    return {
      value: tf.mul(0.5, tf.sub(tf.add(tf.square(mean), variance), tf.add(logVariance, 1))),
      keep: [mean, variance],
      gradient: (dy, [mean, variance]) => [tf.mul(dy, mean), tf.mul(dy, tf.mul(tf.sub(variance, 1), 0.5))],
    };
  });
}

/**
 * Cross entropy of Bernoulli targets y in [0, 1] with logits l: softplus(l) − l y, elementwise, in nats. The targets
 * are constants. (Not by log1p: the wasm backend's is off by 4e-4 near 0.)
 */
export function binaryCrossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  return withGradient([logits], () => ({
    value: tf.sub(tf.softplus(logits), tf.mul(logits, targets)),
    keep: [logits, targets],
    gradient: (dy, [logits, targets]) => [tf.mul(dy, tf.sub(tf.sigmoid(logits), targets))],
  }));
}

/** H = −Σ p log p over the last axis, from log-probabilities, in nats: [members, …, actions] -> [members, …]. */
export function categoricalEntropy(logProbabilities: tf.Tensor): tf.Tensor {
  return withGradient([logProbabilities], () => {
    const probabilities = tf.exp(logProbabilities);
    return {
      value: tf.neg(tf.sum(tf.mul(probabilities, logProbabilities), -1)),
      keep: [probabilities, logProbabilities],
      // ∂H / ∂ log p = −p (log p + 1)
      gradient: (dy, [p, logP]) => [tf.mul(tf.neg(tf.expandDims(dy, -1)), tf.mul(p, tf.add(logP, 1)))],
    };
  });
}

/** Lengths below it count as it where vectors are divided by theirs. */
const LEAST_LENGTH = 1e-5;

/**
 * cos(x, y) = x · y / (|x| |y|) over the last axis: [members, …, n] -> [members, …].
 *
 * @param byBoth whether it is differentiated by y as well as by x; else y is a constant
 */
export function cosineSimilarity(x: tf.Tensor, y: tf.Tensor, byBoth = false): tf.Tensor {
  return withGradient(byBoth ? [x, y] : [x], () => {
    const length = (v: tf.Tensor) => tf.maximum(tf.sqrt(tf.sum(tf.square(v), -1, true)), LEAST_LENGTH);
    const size = length(x);
    const direction = tf.div(x, size);
    const otherSize = length(y);
    const wanted = tf.div(y, otherSize);
    const value = tf.sum(tf.mul(direction, wanted), -1);
    return {
      value,
      keep: [direction, wanted, size, otherSize, value],
      gradient: (dy, [direction, wanted, size, otherSize, value]) => {
        const towards = (to: tf.Tensor, from: tf.Tensor, size: tf.Tensor) => {
          const across = tf.sub(to, tf.mul(from, tf.expandDims(value, -1)));
          return tf.mul(tf.expandDims(dy, -1), tf.div(across, size));
        };
        const ofX = towards(wanted, direction, size);
        return byBoth ? [ofX, towards(direction, wanted, otherSize)] : [ofX];
      },
    };
  });
}
