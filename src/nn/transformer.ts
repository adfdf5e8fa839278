import * as tf from '@tensorflow/tfjs-core';
import { attention } from './attention.ts';
import type { AttentionMask } from './attention-mask.ts';
import { fanIn, ones } from './initialisers.ts';
import { product } from './linear.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';
import { rmsNorm } from './rms-norm.ts';
import { rotate } from './rotary.ts';
import { swiGlu } from './swiglu.ts';

/** What fixes a layer's parameters. */
export interface TransformerShape {
  /** Numbers of a token. */
  width: number;
  /** Of queries. */
  heads: number;
  /** Of keys and values, a divisor of `heads`. */
  kvHeads: number;
  /** Numbers of a head, an even number. */
  head: number;
  /** Hidden numbers of the feed-forward layer. */
  hidden: number;
}

/** How a layer attends. */
export interface TransformerAttention {
  mask: AttentionMask;
  /** Of the scores; undefined: none. */
  cap?: number;
  /** Rotary positions of the keys, of which the queries have the last; undefined: they have none, as over space. */
  positions?: { of: readonly number[]; base: number };
  /** What stands before the tokens, as keys; undefined: nothing. */
  past?: LayerMemory;
  /** Which keys there are besides the mask, 1 or 0, those of the past first: [members, batch, keys]; undefined: all. */
  seen?: tf.Tensor;
}

/** Keys, before they are turned to their positions, and values of some tokens: [members, batch, kvHeads, tokens, head] each. */
export interface LayerMemory {
  keys: tf.Tensor;
  values: tf.Tensor;
}

/**
 * The parameters of the layer called `name`. The initial weights of what leads back into the residual stream are scaled by
 * 1 / √(2 · layers), so that the stream does not grow with the depth.
 *
 * @param layers of the whole transformer
 */
export function transformerSpecs(
  name: string,
  { width, heads, kvHeads, head, hidden }: TransformerShape,
  layers: number,
): ParameterSpec[] {
  const back = 1 / Math.sqrt(2 * layers);
  const matrix = (part: string, inputs: number, outputs: number, scale = 1): ParameterSpec => ({
    name: `${name}.${part}.weight`,
    shape: [inputs, outputs],
    initialise: fanIn(inputs, scale),
  });
  const gain = (part: string, size: number): ParameterSpec => ({
    name: `${name}.${part}.gain`,
    shape: [size],
    initialise: ones,
  });
  return [
    gain('attention_norm', width),
    matrix('query', width, heads * head),
    matrix('key', width, kvHeads * head),
    matrix('value', width, kvHeads * head),
    gain('query_norm', head),
    gain('key_norm', head),
    matrix('attended', heads * head, width, back),
    gain('feed_forward_norm', width),
    matrix('gate', width, hidden),
    matrix('up', width, hidden),
    matrix('down', hidden, width, back),
  ];
}

/**
 * A layer of Dreamer 4's transformer (Hafner et al. 2025, section 3.4), rms as in `rmsNorm`, no biases:
 *
 *   u = rms(x)      q, k = rms(u W_q), rms(u W_k) of each head, at their positions      v = u W_v
 *   x ← x + attention(q, k, v) W_o      x ← x + (silu(rms(x) W_gate) ⊙ rms(x) W_up) W_down
 *
 * @param x tokens: [members, batch, tokens, width]
 * @returns y, shaped as x, and what later tokens may look at of these, which is not differentiated
 */
export function transformerLayer(
  parameters: Parameters,
  name: string,
  { heads, kvHeads, head }: TransformerShape,
  x: tf.Tensor,
  { mask, cap, positions, past, seen }: TransformerAttention,
): { y: tf.Tensor; memory: LayerMemory } {
  const weight = (part: string) => parameters.get(`${name}.${part}.weight`);
  const norm = (part: string, y: tf.Tensor) => rmsNorm(y, parameters.get(`${name}.${part}.gain`));
  const [members, batch, tokens] = x.shape as [number, number, number];
  /** [members, batch, tokens, heads · head] -> [members, batch, heads, tokens, head] */
  const split = (y: tf.Tensor, count: number) =>
    tf.transpose(tf.reshape(y, [members, batch, tokens, count, head]), [0, 1, 3, 2, 4]);
  const placed = (y: tf.Tensor) =>
    positions ? rotate(y, positions.of.slice(-y.shape[3]!), positions.base) : y;
  const after = (before: tf.Tensor | undefined, y: tf.Tensor) => (before ? tf.concat([before, y], 3) : y);

  const normalised = norm('attention_norm', x);
  const q = placed(norm('query_norm', split(product(normalised, weight('query')), heads)));
  const keys = norm('key_norm', split(product(normalised, weight('key')), kvHeads));
  const values = split(product(normalised, weight('value')), kvHeads);
  const attended = attention(
    q,
    placed(after(past?.keys, keys)),
    after(past?.values, values),
    mask,
    cap,
    seen,
  );
  const merged = tf.reshape(tf.transpose(attended, [0, 1, 3, 2, 4]), [members, batch, tokens, heads * head]);
  const between = tf.add(x, product(merged, weight('attended')));
  const fed = norm('feed_forward_norm', between);
  const gated = swiGlu(product(fed, weight('gate')), product(fed, weight('up')));
  return { y: tf.add(between, product(gated, weight('down'))), memory: { keys, values } };
}
