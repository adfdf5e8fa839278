import * as tf from '@tensorflow/tfjs';

/** Sample of N(μ, exp(logvar)) by reparametrisation: μ + exp(logvar / 2) ε. All shapes equal. */
export function sampleNormal(mean: tf.Tensor, logVariance: tf.Tensor, noise: tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise));
}

/** KL(N(μ, exp(logvar)) ‖ N(0, 1)) of each dimension: (μ² + exp(logvar) − 1 − logvar) / 2, in nats. */
export function klToStandardNormal(mean: tf.Tensor, logVariance: tf.Tensor): tf.Tensor {
  return tf.mul(0.5, tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1)));
}

/**
 * Cross entropy of Bernoulli targets y in [0, 1] with logits l: softplus(l) − l y, elementwise, in nats. (Not by log1p:
 * the wasm backend's is off by 4e-4 near 0.)
 */
export function binaryCrossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  return tf.sub(tf.softplus(logits), tf.mul(logits, targets));
}

/** −Σ p log p over the last axis, from log-probabilities, in nats: [members, …, actions] -> [members, …]. */
export function categoricalEntropy(logProbabilities: tf.Tensor): tf.Tensor {
  return tf.neg(tf.sum(tf.mul(tf.exp(logProbabilities), logProbabilities), -1));
}
