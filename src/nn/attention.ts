import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import type { AttentionMask } from './attention-mask.ts';

/** Added to the score of what may not be seen: its weight is 0 in float32. */
const UNSEEN = -1e9;

/**
 * Attention with grouped heads and scores that are softly capped, as one step on the tape:
 *
 *   s = q kᵀ / √n      l = cap tanh(s / cap)      w = softmax(l where the mask allows it)      y = w v
 *
 * Query head h looks at key and value head ⌊h · kvHeads / heads⌋ (Ainslie et al. 2023).
 *
 * @param q [members, batch, heads, queries, n]
 * @param k [members, batch, kvHeads, keys, n], kvHeads a divisor of heads
 * @param v of k's shape
 * @param mask over queries and keys, the same for all
 * @param cap of the scores; undefined: none
 * @param seen which keys there are besides, 1 or 0, where that differs from row to row: [members, batch, keys], a constant
 * @returns of q's shape; differentiable by q, k and v
 */
export function attention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  mask: AttentionMask,
  cap?: number,
  seen?: tf.Tensor,
): tf.Tensor {
  const [members, batch, heads, queries, n] = q.shape as [number, number, number, number, number];
  const [kvHeads, keys] = [k.shape[2]!, k.shape[3]!];
  const group = groupOf(heads, kvHeads);
  requireMask(mask, queries, keys);
  // The queries of the heads that share keys are rows of one product.
  const rows: [number, number, number] = [members * batch * kvHeads, group * queries, n];
  const shared: [number, number, number] = [rows[0], keys, n];
  const scale = 1 / Math.sqrt(n);
  const operands = [tf.reshape(q, rows), tf.reshape(k, shared), tf.reshape(v, shared)] as const;
  const y = withGradient(operands, () => {
    const [queriesOf, keysOf, valuesOf] = operands;
    const scores = tf.mul(tf.matMul(queriesOf, keysOf, false, true), scale);
    const bent = cap === undefined ? undefined : tf.tanh(tf.div(scores, cap));
    const logits = bent ? tf.mul(bent, cap!) : scores;
    const masked = tf.add(logits, biasOf(mask, group));
    const weights = tf.softmax(seen ? tf.add(masked, biasOfRows(seen, kvHeads)) : masked);
    return {
      value: tf.matMul(weights, valuesOf),
      keep: [queriesOf, keysOf, valuesOf, weights, ...(bent ? [bent] : [])],
      gradient: (dy, [queriesOf, keysOf, valuesOf, weights, bent]) => {
        const dWeights = tf.matMul(dy, valuesOf!, false, true);
        const weighted = tf.mul(dWeights, weights!);
        const dLogits = tf.sub(weighted, tf.mul(weights!, tf.sum(weighted, -1, true)));
        // d cap tanh(s / cap) = 1 − tanh²(s / cap)
        const dScores = bent ? tf.mul(dLogits, tf.sub(1, tf.square(bent))) : dLogits;
        const d = tf.mul(dScores, scale);
        return [tf.matMul(d, keysOf!), tf.matMul(d, queriesOf!, true), tf.matMul(weights!, dy, true)];
      },
    };
  });
  return tf.reshape(y, q.shape);
}

/** How many heads of queries share one of keys and values. Throws a RangeError where they cannot. */
export function groupOf(heads: number, kvHeads: number): number {
  const group = heads / kvHeads;
  if (!Number.isInteger(group))
    throw new RangeError(`${heads} heads cannot share ${kvHeads} of keys and values`);
  return group;
}

/** Throws a RangeError where a mask is one of other queries or keys. */
export function requireMask(mask: AttentionMask, queries: number, keys: number): void {
  if (mask.queries !== queries || mask.keys !== keys) {
    throw new RangeError(`a mask of ${mask.queries} × ${mask.keys} for ${queries} queries and ${keys} keys`);
  }
}

/** 0 where a score counts and −10⁹ where not, for a group of heads: [group · queries, keys]. */
function biasOf({ queries, keys, allowed }: AttentionMask, group: number): tf.Tensor2D {
  const bias = new Float32Array(group * allowed.length);
  for (let i = 0; i < bias.length; i++) if (!allowed[i % allowed.length]) bias[i] = UNSEEN;
  return tf.tensor2d(bias, [group * queries, keys]);
}

/** The same of each row's own keys, for every head of keys: [members, batch, keys] -> [members · batch · kvHeads, 1, keys]. */
function biasOfRows(seen: tf.Tensor, kvHeads: number): tf.Tensor {
  const [members, batch, keys] = seen.shape as [number, number, number];
  const bias = tf.mul(tf.sub(1, seen), UNSEEN);
  const each = tf.tile(tf.reshape(bias, [members * batch, 1, keys]), [1, kvHeads, 1]);
  return tf.reshape(each, [members * batch * kvHeads, 1, keys]);
}
