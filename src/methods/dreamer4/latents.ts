import * as tf from '@tensorflow/tfjs-core';
import { sliceAlong } from '../../nn/slice-along.ts';
import { latentScale, standardised, unstandardised } from './latent-scale.ts';
import type { Networks } from './networks.ts';
import { decode, encode, fromPatches, patchCount, patchesOf, type TokenizerShape } from './tokenizer.ts';

/** Numbers of a tensor of the images of one member that are encoded or decoded at once, at most: 16 MB. */
const MOST_NUMBERS = 2 ** 22;

/** The weights that make latents of observations, and observations of latents. */
export interface LatentWeights {
  /** Flat: [members, size]; undefined where observations are vectors. */
  tokenizer?: tf.Tensor2D | undefined;
  /** See `latentScale`. */
  latent: tf.Tensor2D;
}

/** What the tokenizer makes of observations in raw units, vectors themselves: [members, …, observation] -> [members, …, latent]. */
export function tokenized(
  { tokenizer, shape }: Networks,
  weights: Pick<LatentWeights, 'tokenizer'>,
  observation: tf.Tensor,
): tf.Tensor {
  if (!tokenizer) return observation;
  const parameters = tokenizer.layout.unpack(weights.tokenizer!);
  const latents = inPieces(inRow(observation), imagesAtOnce(tokenizer.shape), (images) => {
    const patches = patchesOf(tokenizer.shape, tf.div(images, tokenizer.brightest));
    return encode(parameters, tokenizer.shape, patches);
  });
  return tf.reshape(latents, [...observation.shape.slice(0, -1), shape.latent]);
}

/** z of observations: [members, …, observation] -> [members, …, latent]. */
export const latentsOf = (networks: Networks, weights: LatentWeights, observation: tf.Tensor): tf.Tensor =>
  standardised(latentScale(weights.latent), tokenized(networks, weights, observation));

/** The observations that latents stand for, raw units, of bits how likely each is lit: [members, …, latent] -> [members, …, observation]. */
export function observationsOf(
  { tokenizer, shape }: Networks,
  weights: LatentWeights,
  latent: tf.Tensor,
): tf.Tensor {
  const raw = unstandardised(latentScale(weights.latent), latent);
  if (!tokenizer) return raw;
  const { latents, channels } = tokenizer.shape;
  const parameters = tokenizer.layout.unpack(weights.tokenizer!);
  const [members] = raw.shape as [number];
  const cut = tf.reshape(raw, [members, raw.size / (members * shape.latent), latents, channels]);
  const images = inPieces(cut, imagesAtOnce(tokenizer.shape), (some) => {
    const patches = decode(parameters, tokenizer.shape, some);
    const cells = tokenizer.ofBits ? tf.sigmoid(patches) : tf.clipByValue(patches, 0, 1);
    return tf.mul(fromPatches(tokenizer.shape, cells as tf.Tensor), tokenizer.brightest);
  });
  return tf.reshape(images, [...latent.shape.slice(0, -1), -1]);
}

/**
 * Images of each member that are encoded or decoded at once. Where patches are small most of an image's numbers are the
 * scores of attention, heads · tokens².
 */
export function imagesAtOnce(shape: TokenizerShape): number {
  const { latents, heads, width, hidden } = shape;
  const tokens = latents + patchCount(shape);
  const numbers = tokens * Math.max(heads * tokens, width, hidden);
  return Math.max(1, Math.floor(MOST_NUMBERS / numbers));
}

/** What a function makes of rows each by itself, from so many at a time: [members, rows, …] -> [members, rows, …]. */
function inPieces(rows: tf.Tensor, atOnce: number, of: (some: tf.Tensor) => tf.Tensor): tf.Tensor {
  const count = rows.shape[1]!;
  if (count <= atOnce) return of(rows);
  const pieces: tf.Tensor[] = [];
  for (let from = 0; from < count; from += atOnce) {
    pieces.push(tf.tidy(() => of(sliceAlong(rows, 1, from, Math.min(atOnce, count - from)))));
  }
  return tf.concat(pieces, 1);
}

/** [members, …, n] -> [members, rows, n] */
const inRow = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [x.shape[0]!, -1, x.shape.at(-1)!]);
