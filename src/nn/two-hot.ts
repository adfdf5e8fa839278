import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';

/**
 * The values that a two-hot distribution chooses from, ascending: symexp of evenly spaced numbers from −limit to 0, and
 * their mirror image (Hafner et al. 2025). Dense around 0, which is the middle bin exactly.
 *
 * @param count odd, at least 3
 * @param limit the ends are ±symexp(limit)
 * @throws RangeError for any other
 */
export const twoHotBins = (count: number, limit: number): Float32Array => mirrored(count, limit, Math.expm1);

/**
 * The same evenly spaced from −limit to limit: for a distribution over symlog(x), as TD-MPC2 has it, whose mean is
 * taken before symexp.
 *
 * @param count odd, at least 3
 * @throws RangeError for any other
 */
export const evenBins = (count: number, limit: number): Float32Array => mirrored(count, limit, (x) => x);

/** Bins around 0, those above it at `value` of evenly spaced numbers up to the limit. */
function mirrored(count: number, limit: number, value: (x: number) => number): Float32Array {
  if (!Number.isInteger(count) || count < 3 || count % 2 === 0) {
    throw new RangeError(`expected an odd number of bins from 3 on, got ${count}`);
  }
  if (!(limit > 0)) throw new RangeError(`expected a positive limit of the bins, got ${limit}`);
  const middle = (count - 1) / 2;
  const bins = new Float32Array(count);
  for (let i = 1; i <= middle; i++) {
    const bin = value((limit * i) / middle);
    bins[middle + i] = bin;
    bins[middle - i] = -bin;
  }
  return bins;
}

/**
 * The mean Σ p b of a distribution over bins, p = softmax(logits): bins of equal size and opposite sign are paired
 * before the sum, so that it is exactly 0 where their probabilities are equal, however large the bins.
 *
 * @param logits [members, …, bins]
 * @param bins b, from `twoHotBins` or `evenBins`
 * @returns [members, …]; differentiable
 */
export function twoHotMean(logits: tf.Tensor, bins: Float32Array): tf.Tensor {
  return withGradient([logits], () => {
    const { mean, probabilities } = meanOverBins(logits, bins);
    return {
      value: mean,
      keep: [probabilities, mean],
      // ∂ Σ p b / ∂ logits = p (b − Σ p b)
      gradient: (dy, [probabilities, mean]) => {
        const deviation = tf.sub(tf.tensor1d(bins), tf.expandDims(mean, -1));
        return [tf.mul(tf.expandDims(dy, -1), tf.mul(probabilities, deviation))];
      },
    };
  });
}

/** The mean and the probabilities that it is over. */
function meanOverBins(logits: tf.Tensor, bins: Float32Array): Record<'mean' | 'probabilities', tf.Tensor> {
  const own = ownKernel('TwoHotMean');
  if (own) {
    const [mean, probabilities] = own({ logits, bins: tf.tensor1d(bins) }) as [tf.Tensor, tf.Tensor];
    return { mean, probabilities };
  }
  const probabilities = tf.softmax(logits);
  const last = logits.rank - 1;
  const middle = (bins.length - 1) / 2;
  const [negative, , positive] = tf.split(probabilities, [middle, 1, middle], last) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const excess = tf.sub(positive, tf.reverse(negative, last));
  return { mean: tf.sum(tf.mul(excess, tf.tensor1d(bins.slice(middle + 1))), -1), probabilities };
}

/**
 * The cross entropy −Σ e log softmax(logits) of logits with the two-hot encoding e of a number: its neighbouring bins
 * share the weight 1 linearly, so that Σ e b is the number itself. What is beyond the ends counts as the end.
 *
 * @param logits [members, …, bins]
 * @param target [members, …], a constant
 * @param bins b, from `twoHotBins` or `evenBins`
 * @returns [members, …], in nats
 */
export function twoHotLoss(logits: tf.Tensor, target: tf.Tensor, bins: Float32Array): tf.Tensor {
  const own = ownKernel('TwoHotLoss');
  if (own) {
    return withGradient([logits], () => {
      const [value, excess] = own({ logits, target, bins: tf.tensor1d(bins) }) as [tf.Tensor, tf.Tensor];
      return { value, keep: [excess], gradient: (dy, [excess]) => [tf.mul(tf.expandDims(dy, -1), excess)] };
    });
  }
  return withGradient([logits], () => {
    const encoded = twoHot(target, bins);
    const logProbabilities = tf.logSoftmax(logits);
    return {
      value: tf.neg(tf.sum(tf.mul(encoded, logProbabilities), -1)),
      keep: [encoded, logProbabilities],
      gradient: (dy, [encoded, logP]) => [tf.mul(tf.expandDims(dy, -1), tf.sub(tf.exp(logP), encoded))],
    };
  });
}

/**
 * The encoding itself, [members, …] -> [members, …, bins]: each bin's weight falls from 1 at its own value to 0 at its
 * neighbours', max(0, min((x − b₋) / (b − b₋), (b₊ − x) / (b₊ − b))).
 */
function twoHot(target: tf.Tensor, bins: Float32Array): tf.Tensor {
  const gapBelow = bins.map((bin, i) => (i > 0 ? bin - bins[i - 1]! : bins[1]! - bin));
  // The first bin has no neighbour below, and no clipped target there to share: any number far enough will do.
  const below = bins.map((bin, i) => bins[i - 1] ?? bin - 2 * gapBelow[0]!);
  // What is above is the mirror image.
  const above = below.map((bin) => -bin).reverse();
  const gapAbove = gapBelow.toReversed();
  const x = tf.expandDims(tf.clipByValue(target, bins[0]!, bins.at(-1)!), -1);
  const rising = tf.div(tf.sub(x, tf.tensor1d(below)), tf.tensor1d(gapBelow));
  const falling = tf.div(tf.sub(tf.tensor1d(above), x), tf.tensor1d(gapAbove));
  return tf.relu(tf.minimum(rising, falling));
}
