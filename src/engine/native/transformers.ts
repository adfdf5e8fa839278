import type * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import { type Call, floats, type Kernel } from './kernel.ts';

/**
 * The operands that attention and its gradient have in common, and their parameters.
 *
 *   inputs   queries [members, batch, tokens, heads · n]; keys, values [members, batch, tokens, kvHeads · n]; queryGain,
 *            keyGain [members, n]; allowed [tokens, keys], 1 or 0; perhaps cosines, sines [keys, n / 2]; perhaps pastKeys, pastValues
 *            [members, batch, kvHeads, past, n]; perhaps seen [members, batch, keys]; the attribute `cap` 0: none
 */
function attentionOf(
  inputs: tf.NamedTensorInfoMap,
  { heads, kvHeads, cap }: tf.NamedAttrMap,
): Pick<Call, 'operands' | 'parameters'> {
  const { queries, keys, values, queryGain, keyGain, allowed } = inputs;
  const { cosines, sines, pastKeys, pastValues, seen } = inputs;
  const [members, batch, tokens] = queries!.shape as [number, number, number];
  return {
    operands: [
      ...[queries!, keys!, values!, queryGain!, keyGain!, allowed!],
      ...(cosines ? [cosines, sines!] : []),
      ...(pastKeys ? [pastKeys, pastValues!] : []),
      ...(seen ? [seen] : []),
    ],
    parameters: [
      ...[members, batch, tokens, Number(heads), Number(kvHeads), queryGain!.shape[1]!],
      ...[pastKeys?.shape[3] ?? 0, Number(Boolean(cosines)), Number(Boolean(seen)), Number(cap)],
    ],
  };
}

/** The fat operations of a transformer's layer. */
export const transformers: readonly Kernel[] = [
  {
    name: 'MultiHeadAttention',
    plan: (inputs, attributes) => ({
      kernel: 'MultiHeadAttention',
      ...attentionOf(inputs, attributes),
      outputs: [floats(inputs.queries!.shape)],
    }),
  },
  {
    name: 'MultiHeadAttentionGradient',
    plan: ({ dy, ...inputs }, attributes) => {
      const { operands, parameters } = attentionOf(inputs, attributes);
      const { queries, keys, values, queryGain, keyGain } = inputs;
      return {
        kernel: 'MultiHeadAttentionGradient',
        operands: [dy!, ...operands],
        outputs: [queries!, keys!, values!, queryGain!, keyGain!].map(({ shape }) => floats(shape)),
        parameters,
      };
    },
  },
  {
    name: 'RmsNorm',
    plan: ({ x, gain }) => ({
      kernel: 'RmsNorm',
      operands: [x!, gain!],
      outputs: [floats(x!.shape)],
      parameters: x!.shape,
    }),
  },
  {
    name: 'RmsNormGradient',
    plan: ({ dy, x, gain }) => ({
      kernel: 'RmsNormGradient',
      operands: [dy!, x!, gain!],
      outputs: [floats(x!.shape), floats(gain!.shape)],
      parameters: x!.shape,
    }),
  },
  {
    name: 'SwiGlu',
    plan: ({ gate, up }) => ({
      kernel: 'SwiGlu',
      operands: [gate!, up!],
      outputs: [floats(gate!.shape)],
      parameters: [size(gate!.shape)],
      inPlace: true,
    }),
  },
  {
    name: 'SwiGluGradient',
    plan: ({ dy, gate, up }) => ({
      kernel: 'SwiGluGradient',
      operands: [dy!, gate!, up!],
      outputs: [floats(gate!.shape), floats(gate!.shape)],
      parameters: [size(gate!.shape)],
      inPlace: true,
    }),
  },
];
