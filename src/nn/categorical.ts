import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { oneHot } from '../engine/one-hot.ts';
import { ownKernel } from '../engine/own-kernel.ts';

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
  const forward = ownKernel('MixedLogProbabilities');
  const backward = ownKernel('MixedLogProbabilitiesGradient');
  if (forward && backward) {
    return withGradient([logits], () => {
      const [value, probabilities] = forward({ logits }, { mix }) as [tf.Tensor, tf.Tensor];
      return {
        value,
        keep: [probabilities],
        gradient: (dy, [probabilities]) => backward({ dy, probabilities }, { mix }),
      };
    });
  }
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
 * The cross entropy −Σ t log softmax(logits) over the last axis with probabilities t, which are constants, in nats.
 *
 * @param logits [members, …, classes]
 * @param target t, of the same shape
 * @returns [members, …]
 */
export function crossEntropy(logits: tf.Tensor, target: tf.Tensor): tf.Tensor {
  return withGradient([logits], () => {
    const logProbabilities = mixedLogProbabilities(logits, 0);
    return {
      value: tf.neg(tf.sum(tf.mul(target, logProbabilities), -1)),
      keep: [target, logProbabilities],
      gradient: (dy, [target, logP]) => {
        const expected = tf.mul(tf.exp(logP), tf.sum(target, -1, true));
        return [tf.mul(tf.expandDims(dy, -1), tf.sub(expected, target))];
      },
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
  const forward = ownKernel('CategoricalKl');
  const backward = ownKernel('CategoricalKlGradient');
  if (forward && backward) {
    return withGradient([logP, logQ], () => ({
      value: forward({ logP, logQ })[0]!,
      keep: [logP, logQ],
      gradient: (dy, [logP, logQ]) => backward({ dy, logP, logQ }),
    }));
  }
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
 * One-hot choices with the straight-through gradient (Bengio et al. 2013): that of the probabilities p = exp(log p), as
 * onehot + p − sg(p) has.
 *
 * @param choices gives one-hot vectors, constants, shaped as logP: [members, …, classes]
 */
export function straightThrough(logP: tf.Tensor, choices: (logP: tf.Tensor) => tf.Tensor): tf.Tensor {
  return withGradient([logP], () => ({
    value: choices(logP),
    keep: [logP],
    gradient: (dy, [logP]) => [tf.mul(dy, tf.exp(logP))],
  }));
}

/**
 * A sample of each categorical variable, one-hot and straight-through, by inversion: the first class whose cumulated
 * probability exceeds u. That is one number per variable, where the Gumbel-max trick takes one per class.
 *
 * @param logP [members, …, classes]
 * @param uniform u in [0, 1), [members, …], or undefined for the most probable class
 * @returns shaped as logP
 */
export const sampleCategorical = (logP: tf.Tensor, uniform: tf.Tensor | undefined): tf.Tensor =>
  straightThrough(logP, (logP) => {
    const own = ownKernel('SampleCategorical');
    if (own) return own({ logP, ...(uniform && { uniform }) })[0]!;
    return oneHot(uniform ? inverted(logP, uniform) : tf.argMax(logP, -1), logP.shape.at(-1)!);
  });

/** The class that u falls into: how many cumulated probabilities it has passed, of all but the last. */
function inverted(logP: tf.Tensor, uniform: tf.Tensor): tf.Tensor {
  // Not axis −1, which tfjs's own kernels do not count from the end.
  const cumulated = tf.cumsum(tf.exp(logP), logP.rank - 1);
  const passed = tf.lessEqual(cumulated, tf.expandDims(uniform, -1));
  const index = tf.minimum(tf.sum(tf.cast(passed, 'float32'), -1), logP.shape.at(-1)! - 1);
  return tf.cast(index, 'int32');
}
