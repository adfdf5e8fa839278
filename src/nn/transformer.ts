import * as tf from '@tensorflow/tfjs-core';
import { fanIn, ones } from './initialisers.ts';
import { product } from './linear.ts';
import {
  type HeadAttention,
  type HeadShape,
  type LayerMemory,
  multiHeadAttention,
} from './multi-head-attention.ts';
import type { ParameterSpec, Parameters } from './parameters.ts';
import { rmsNorm } from './rms-norm.ts';
import { swiGlu } from './swiglu.ts';

/** What fixes a layer's parameters. */
export interface TransformerShape extends HeadShape {
  /** Numbers of a token. */
  width: number;
  /** Hidden numbers of the feed-forward layer. */
  hidden: number;
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
  shape: TransformerShape,
  x: tf.Tensor,
  attends: HeadAttention,
): { y: tf.Tensor; memory: LayerMemory } {
  const weight = (part: string) => parameters.get(`${name}.${part}.weight`);
  const gain = (part: string) => parameters.get(`${name}.${part}.gain`);

  const u = rmsNorm(x, gain('attention_norm'));
  const heads = {
    queries: product(u, weight('query')),
    keys: product(u, weight('key')),
    values: product(u, weight('value')),
    ...{ queryGain: gain('query_norm'), keyGain: gain('key_norm') },
  };
  const { y: attended, memory } = multiHeadAttention(heads, shape, attends);
  const between = tf.add(x, product(attended, weight('attended')));
  const fed = rmsNorm(between, gain('feed_forward_norm'));
  const gated = swiGlu(product(fed, weight('gate')), product(fed, weight('up')));
  return { y: tf.add(between, product(gated, weight('down'))), memory };
}
