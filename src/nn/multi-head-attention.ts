import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';
import { attention, groupOf, requireMask } from './attention.ts';
import type { AttentionMask } from './attention-mask.ts';
import { rmsNorm } from './rms-norm.ts';
import { anglesAt, rotate } from './rotary.ts';

/** How many heads there are. */
export interface HeadShape {
  /** Of queries. */
  heads: number;
  /** Of keys and values, a divisor of `heads`. */
  kvHeads: number;
  /** Numbers of a head, an even number. */
  head: number;
}

/** How heads attend. */
export interface HeadAttention {
  mask: AttentionMask;
  /** Of the scores; undefined: none. */
  cap?: number;
  /** Rotary positions of the keys, of which the queries have the last; undefined: they have none, as over space. */
  positions?: { of: readonly number[]; base: number };
  /** What stands before the tokens, as keys, a constant; undefined: nothing. */
  past?: LayerMemory;
  /** Which keys there are besides the mask, 1 or 0, those of the past first: [members, batch, keys]; undefined: all. */
  seen?: tf.Tensor;
}

/** Keys, before they are turned to their positions, and values of some tokens: [members, batch, kvHeads, tokens, head] each. */
export interface LayerMemory {
  keys: tf.Tensor;
  values: tf.Tensor;
}

/** What heads attend with, all heads side by side, and the gains that queries and keys are normalised with. */
export interface HeadInputs {
  /** u W_q: [members, batch, tokens, heads · head] */
  queries: tf.Tensor;
  /** u W_k and u W_v: [members, batch, tokens, kvHeads · head] */
  keys: tf.Tensor;
  values: tf.Tensor;
  /** [members, head] each */
  queryGain: tf.Tensor;
  keyGain: tf.Tensor;
}

/**
 * Attention of several heads, each with its part of queries, keys and values:
 *
 *   q, k = rms(queries), rms(keys), at their positions      y = attention(q, k, values)
 *
 * rms, positions and attention as in `rmsNorm`, `rotate` and `attention`.
 *
 * @returns y, shaped as the queries, differentiable by all inputs; and what later tokens may look at of these, which is
 *   not differentiated
 */
export function multiHeadAttention(
  inputs: HeadInputs,
  shape: HeadShape,
  attends: HeadAttention,
): { y: tf.Tensor; memory: LayerMemory } {
  const { positions, past, mask, cap, seen } = attends;
  const [members, batch, tokens] = inputs.queries.shape as [number, number, number];
  /** [members, batch, tokens, heads · head] -> [members, batch, heads, tokens, head] */
  const split = (x: tf.Tensor, heads: number) =>
    tf.transpose(tf.reshape(x, [members, batch, tokens, heads, shape.head]), [0, 1, 3, 2, 4]);
  const placed = (x: tf.Tensor) =>
    positions ? rotate(x, positions.of.slice(-x.shape[3]!), positions.base) : x;
  const after = (before: tf.Tensor | undefined, x: tf.Tensor) => (before ? tf.concat([before, x], 3) : x);

  const own = ownAttention(inputs, shape, attends);
  const keys = rmsNorm(split(inputs.keys, shape.kvHeads), inputs.keyGain);
  const values = split(inputs.values, shape.kvHeads);
  const memory = { keys, values };
  if (own) return { y: own, memory };
  const q = placed(rmsNorm(split(inputs.queries, shape.heads), inputs.queryGain));
  const y = attention(q, placed(after(past?.keys, keys)), after(past?.values, values), mask, cap, seen);
  return { y: tf.reshape(tf.transpose(y, [0, 1, 3, 2, 4]), inputs.queries.shape), memory };
}

/** y by the engine's own kernels; undefined where it has none. */
function ownAttention(
  inputs: HeadInputs,
  { heads, kvHeads, head }: HeadShape,
  { mask, cap, positions, past, seen }: HeadAttention,
): tf.Tensor | undefined {
  const forward = ownKernel('MultiHeadAttention');
  const backward = ownKernel('MultiHeadAttentionGradient');
  if (!forward || !backward) return undefined;
  groupOf(heads, kvHeads);
  requireMask(mask, inputs.queries.shape[2]!, inputs.keys.shape[2]! + (past?.keys.shape[3] ?? 0));
  const attributes = { heads, kvHeads, cap: cap ?? 0 };
  const { queries, keys, values, queryGain, keyGain } = inputs;
  const operands = { queries, keys, values, queryGain, keyGain };
  return withGradient(Object.values(operands), () => {
    const all = {
      ...{ ...operands, allowed: allowedOf(mask) },
      ...(positions && turnsOf(positions.of, head, positions.base)),
      ...(past && { pastKeys: past.keys, pastValues: past.values }),
      ...(seen && { seen }),
    };
    const names = Object.keys(all);
    return {
      value: forward(all, attributes)[0]!,
      keep: Object.values<tf.Tensor>(all),
      gradient: (dy, kept) =>
        backward({ dy, ...Object.fromEntries(names.map((name, i) => [name, kept[i]!])) }, attributes),
    };
  });
}

/** 1 where a query may look at a key: [queries, keys] */
const allowedOf = ({ queries, keys, allowed }: AttentionMask) =>
  tf.tensor2d(Float32Array.from(allowed), [queries, keys]);

/** The cosines and sines of the angles at some positions: [positions, n / 2] each. */
function turnsOf(
  positions: readonly number[],
  n: number,
  base: number,
): Record<'cosines' | 'sines', tf.Tensor> {
  const angles = positions.flatMap((position) => anglesAt(position, n, base));
  const table = (of: (angle: number) => number) => tf.tensor2d(angles.map(of), [positions.length, n / 2]);
  return { cosines: table(Math.cos), sines: table(Math.sin) };
}
