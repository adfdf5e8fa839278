import * as tf from '@tensorflow/tfjs-core';
import { type AttentionMask, tokenizerMask } from '../../nn/attention-mask.ts';
import type { ImageShape } from '../../nn/convolution.ts';
import { fanIn, gaussian, type Initialiser } from '../../nn/initialisers.ts';
import { linear, linearSpecs, product } from '../../nn/linear.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { type TransformerShape, transformerLayer, transformerSpecs } from '../../nn/transformer.ts';

/** σ of the initial embeddings. */
const EMBEDDING_SCALE = 0.5;

/** What fixes the tokenizer's parameters (Hafner et al. 2025, section 3.1). */
export interface TokenizerShape {
  image: ImageShape;
  /** Rows and columns of a patch, a divisor of those of the image. */
  patch: number;
  /** N_b: learnt tokens beside the patches, which alone are read. */
  latents: number;
  /** D_b: numbers of each of them behind the bottleneck. */
  channels: number;
  /** Numbers of a token. */
  width: number;
  heads: number;
  /** Hidden numbers of the feed-forward layers. */
  hidden: number;
  /** Of encoder and decoder each. */
  layers: number;
  scoreCap: number;
}

type Patching = Pick<TokenizerShape, 'image' | 'patch'>;

/** Patches of an image. */
export const patchCount = ({ image: [rows, columns], patch }: Patching): number =>
  (rows / patch) * (columns / patch);

/** Numbers of a patch. */
export const patchSize = ({ image: [, , channels], patch }: Patching): number => patch * patch * channels;

/** Images cut into patches, row by row, each [row, column, channel]: [members, batch, cells] -> [members, batch, patches, numbers]. */
export function patchesOf(shape: Patching, images: tf.Tensor): tf.Tensor {
  const [members, batch] = images.shape as [number, number];
  const { image, patch } = shape;
  const [rows, columns, channels] = image;
  const cut = tf.reshape(images, [
    ...[members * batch * (rows / patch), patch],
    ...[columns / patch, patch * channels],
  ]);
  return tf.reshape(tf.transpose(cut, [0, 2, 1, 3]), [members, batch, patchCount(shape), patchSize(shape)]);
}

/** The inverse of `patchesOf`. */
export function fromPatches({ image, patch }: Patching, patches: tf.Tensor): tf.Tensor {
  const [members, batch] = patches.shape as [number, number];
  const [rows, columns, channels] = image;
  const cut = tf.reshape(patches, [
    ...[members * batch * (rows / patch), columns / patch],
    ...[patch, patch * channels],
  ]);
  return tf.reshape(tf.transpose(cut, [0, 2, 1, 3]), [members, batch, rows * columns * channels]);
}

const layerShape = ({ width, heads, hidden }: TokenizerShape): TransformerShape => ({
  ...{ width, heads, hidden, kvHeads: heads },
  head: width / heads,
});

/** The tokenizer's parameters, `tokenizer.…`. */
export function tokenizerSpecs(shape: TokenizerShape): ParameterSpec[] {
  const { latents, channels, width, layers } = shape;
  const patches = patchCount(shape);
  const size = patchSize(shape);
  const table = (name: string, rows: number[], columns: number, initialise: Initialiser): ParameterSpec => ({
    name: `tokenizer.${name}`,
    shape: [...rows, columns],
    initialise,
  });
  const embedding = (name: string, rows: number[]) =>
    table(name, rows, width, gaussian(width, EMBEDDING_SCALE));
  const side = (name: string) =>
    Array.from({ length: layers }, (_, i) =>
      transformerSpecs(`tokenizer.${name}.${i}`, layerShape(shape), layers),
    ).flat();
  return [
    ...linearSpecs('tokenizer.patch', size, width),
    embedding('position', [patches]),
    embedding('mask', []),
    embedding('latents', [latents]),
    ...side('encoder'),
    table('to_bottleneck', [width], channels, fanIn(width)),
    table('from_bottleneck', [channels], width, fanIn(channels)),
    embedding('latent_position', [latents]),
    embedding('queries', [patches]),
    ...side('decoder'),
    ...linearSpecs('tokenizer.out', width, size),
  ];
}

/**
 * Images as latents: latents see all patches, patches each other, and what the latents know is squeezed through a linear
 * layer and tanh.
 *
 * @param patches [members, batch, patches, numbers]
 * @param dropped 1 where the mask's embedding stands in a patch's place: [members, batch, patches, 1]; undefined: nowhere
 * @returns within ±1: [members, batch, latents, channels]
 */
export function encode(
  parameters: Parameters,
  shape: TokenizerShape,
  patches: tf.Tensor,
  dropped?: tf.Tensor,
): tf.Tensor {
  const { latents } = shape;
  const get = (name: string) => parameters.get(`tokenizer.${name}`);
  const seen = linear(parameters, 'tokenizer.patch', patches);
  const mask = tf.expandDims(tf.expandDims(get('mask'), 1), 1);
  const shown = dropped ? tf.add(tf.mul(seen, tf.sub(1, dropped)), tf.mul(mask, dropped)) : seen;
  const placed = tf.add(shown, tf.expandDims(get('position'), 1));
  const tokens = tf.concat([everywhere(get('latents'), patches), placed], 2);
  const known = attend(parameters, shape, 'encoder', tokens);
  return tf.tanh(product(sliceAlong(known, 2, 0, latents), get('to_bottleneck')));
}

/**
 * The patches that latents stand for: learnt queries see all latents and each other. Numbers, or logits of bits.
 *
 * @param latents [members, batch, latents, channels]
 * @returns [members, batch, patches, numbers]
 */
export function decode(parameters: Parameters, shape: TokenizerShape, latents: tf.Tensor): tf.Tensor {
  const get = (name: string) => parameters.get(`tokenizer.${name}`);
  const known = tf.add(product(latents, get('from_bottleneck')), tf.expandDims(get('latent_position'), 1));
  const tokens = tf.concat([known, everywhere(get('queries'), latents)], 2);
  const filled = attend(parameters, shape, 'decoder', tokens);
  return linear(parameters, 'tokenizer.out', sliceAlong(filled, 2, shape.latents, patchCount(shape)));
}

/** Learnt tokens for each of a batch: [members, tokens, width] -> [members, batch, tokens, width]. */
function everywhere(tokens: tf.Tensor, { shape: [members, batch] }: tf.Tensor): tf.Tensor {
  const [, count, width] = tokens.shape as [number, number, number];
  return tf.add(tf.zeros([members!, batch!, count, width]), tf.expandDims(tokens, 1));
}

function attend(
  parameters: Parameters,
  shape: TokenizerShape,
  side: 'encoder' | 'decoder',
  tokens: tf.Tensor,
): tf.Tensor {
  const mask: AttentionMask = tokenizerMask(shape.latents, patchCount(shape), side);
  let x = tokens;
  for (let i = 0; i < shape.layers; i++) {
    const attends = { mask, cap: shape.scoreCap };
    x = transformerLayer(parameters, `tokenizer.${side}.${i}`, layerShape(shape), x, attends).y;
  }
  return x;
}
