import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { oneHot } from '../engine/one-hot.ts';

/**
 * log q of a softmax mixed with the uniform distribution, over the last axis of n classes:
 *
 *   p = softmax(logits)      q = (1 − mix) p + mix / n
 *
 * so that no class has a probability below mix / n and no KL can be infinite.
 *
 * @param logits [members, …, classes]
 * @param mix the uniform part, from 0 (the log-softmax itself) to less than 1
 * @returns log q, [members, …, classes]; differentiable
 */
export function mixedLogProbabilities(logits: tf.Tensor, mix: number): tf.Tensor {
  if (mix === 0) return logSoftmax(logits);
  return withGradient([logits], () => {
    const classes = logits.shape.at(-1)!;
    const probabilities = tf.softmax(logits);
    const mixed = tf.add(tf.mul(probabilities, 1 - mix), mix / classes);
    return {
      value: tf.log(mixed),
      keep: [probabilities, mixed],
      gradient: (dy, [probabilities, mixed]) => {
        const dProbabilities = tf.div(tf.mul(dy, 1 - mix), mixed);
        const weighted = tf.mul(dProbabilities, probabilities);
        return [tf.sub(weighted, tf.mul(probabilities, tf.sum(weighted, -1, true)))];
      },
    };
  });
}

/** The log-softmax over the last axis as one step on the tape. */
function logSoftmax(logits: tf.Tensor): tf.Tensor {
  return withGradient([logits], () => {
    const value = tf.logSoftmax(logits);
    return {
      value,
      keep: [value],
      gradient: (dy, [value]) => [tf.sub(dy, tf.mul(tf.exp(value), tf.sum(dy, -1, true)))],
    };
  });
}

/**
 * KL(p ‖ q) = Σ p (log p − log q) of independent categorical variables, in nats, over both last axes.
 *
 * @param logP [members, …, variables, classes]
 * @param logQ of the same shape
 * @returns [members, …]; differentiable by both, each log-probability on its own: ∂p = p (log p − log q + 1), ∂q = −p
 */
export function categoricalKl(logP: tf.Tensor, logQ: tf.Tensor): tf.Tensor {
  return withGradient([logP, logQ], () => {
    const probabilities = tf.exp(logP);
    const difference = tf.sub(logP, logQ);
    return {
      value: tf.sum(tf.mul(probabilities, difference), [-2, -1]),
      keep: [probabilities, difference],
      gradient: (dy, [probabilities, difference]) => {
        const weighted = tf.mul(tf.reshape(dy, [...dy.shape, 1, 1]), probabilities);
        return [tf.mul(weighted, tf.add(difference, 1)), tf.neg(weighted)];
      },
    };
  });
}

/**
 * A one-hot sample of each categorical variable by the Gumbel-max trick, argmax(log p + g), with the straight-through
 * gradient (Bengio et al. 2013): that of the probabilities p = exp(log p), as onehot + p − sg(p) has.
 *
 * @param logP [members, …, classes]
 * @param gumbel standard Gumbel noise g of the same shape, or undefined for the most probable class
 * @returns of the same shape
 */
export function straightThroughSample(logP: tf.Tensor, gumbel: tf.Tensor | undefined): tf.Tensor {
  return withGradient([logP], () => ({
    value: oneHot(tf.argMax(gumbel ? tf.add(logP, gumbel) : logP, -1), logP.shape.at(-1)!),
    keep: [logP],
    gradient: (dy, [logP]) => [tf.mul(dy, tf.exp(logP))],
  }));
}
