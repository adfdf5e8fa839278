import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';

/** Mean over everything but the member axis, times `factor`: [members, …] -> [members]. */
export function memberMean(x: tf.Tensor, factor = 1): tf.Tensor1D {
  const { shape } = x;
  const share = (factor * shape[0]!) / x.size;
  return withGradient([x], () => ({
    value: tf.mul(memberSum(x), share),
    keep: [],
    gradient: (dy) => [tf.mul(perMember(tf.mul(dy, share), shape.length), tf.ones(shape))],
  }));
}

/**
 * Mean over everything but the member axis of w (x − y)²: [members, …] -> [members]. Differentiated by x; y and w are
 * constants.
 *
 * @param weight w, a number or of x's shape
 */
export function meanSquaredError(x: tf.Tensor, y: tf.Tensor, weight: tf.Tensor | number = 1): tf.Tensor1D {
  const forward = ownKernel('MeanSquaredError');
  const backward = ownKernel('MeanSquaredErrorGradient');
  const factor = typeof weight === 'number' ? weight : 1;
  const weights = typeof weight === 'number' ? {} : { weight };
  return withGradient([x], () => {
    if (forward && backward) {
      const [value, weighted] = forward({ x, y, ...weights }, { factor });
      return {
        value: value as tf.Tensor1D,
        keep: [weighted!],
        gradient: (dy, [weighted]) => backward({ dy, weighted: weighted! }),
      };
    }
    const error = tf.sub(x, y);
    const weighted = tf.mul(error, weight);
    return {
      value: memberMean(tf.mul(weighted, error)),
      keep: [weighted],
      gradient: (dy, [weighted]) => [
        tf.mul(perMember(tf.mul(dy, (2 * dy.size) / weighted!.size), weighted!.rank), weighted!),
      ],
    };
  });
}

/** Mean of x where m is 1, everything but the member axis taken together; 0 where m is 0 throughout: [members, …] -> [members]. */
export const maskedMean = (x: tf.Tensor, m: tf.Tensor): tf.Tensor1D =>
  tf.div(memberSum(tf.mul(x, m)), tf.maximum(memberSum(m), 1));

/** Mean over the numbers of the last axis of their standard deviation over all axes between: [members, …, numbers] -> [members]. */
export function meanSpread(x: tf.Tensor): tf.Tensor1D {
  const rows = tf.reshape(x, [x.shape[0]!, -1, x.shape.at(-1)!]);
  const variance = tf.mean(tf.squaredDifference(rows, tf.mean(rows, 1, true)), 1);
  return memberMean(tf.sqrt(variance));
}

/** Sum over everything but the member axis: [members, …] -> [members]. */
export function memberSum(x: tf.Tensor): tf.Tensor1D {
  return tf.sum(tf.reshape(x, [x.shape[0]!, -1]), 1);
}

/** Σ w t over terms t with weights w, which are constants; terms, and weights that are no number, are [members]. */
export function weightedSum(
  terms: readonly (readonly [term: tf.Tensor1D, weight: tf.Tensor1D | number])[],
): tf.Tensor1D {
  return withGradient(
    terms.map(([term]) => term),
    () => {
      const weights = terms.map(([, weight]) => (typeof weight === 'number' ? tf.scalar(weight) : weight));
      return {
        value: tf.addN(terms.map(([term], i) => tf.mul(term, weights[i]!))) as tf.Tensor1D,
        keep: weights,
        gradient: (dy, weights) => weights.map((weight) => tf.mul(dy, weight)),
      };
    },
  );
}

/** A term of a loss by its name, with its weight. */
export type WeighedTerm = readonly [name: string, term: tf.Tensor1D, weight: tf.Tensor1D | number];

/** Their sum. */
export const sumOfTerms = (terms: readonly WeighedTerm[]): tf.Tensor1D =>
  weightedSum(terms.map(([, term, weight]) => [term, weight]));

/** Each by itself. */
export const eachOfTerms = (terms: readonly WeighedTerm[]): Record<string, tf.Tensor1D> =>
  Object.fromEntries(terms.map(([name, term, weight]) => [name, weightedSum([[term, weight]])]));

/** [members] -> [members, 1, …] of so many dimensions. */
export const perMember = (x: tf.Tensor, rank: number) => tf.reshape(x, [x.size, ...Array(rank - 1).fill(1)]);
