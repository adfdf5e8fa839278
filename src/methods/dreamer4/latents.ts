import * as tf from '@tensorflow/tfjs-core';
import { latentScale, standardised, unstandardised } from './latent-scale.ts';
import type { Networks } from './networks.ts';
import { decode, encode, fromPatches, patchesOf } from './tokenizer.ts';

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
  const patches = patchesOf(tokenizer.shape, tf.div(inRow(observation), tokenizer.brightest));
  const latents = encode(parameters, tokenizer.shape, patches);
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
  const patches = decode(parameters, tokenizer.shape, cut);
  const cells = tokenizer.ofBits ? tf.sigmoid(patches) : tf.clipByValue(patches, 0, 1);
  const images = tf.mul(fromPatches(tokenizer.shape, cells as tf.Tensor), tokenizer.brightest);
  return tf.reshape(images, [...latent.shape.slice(0, -1), -1]);
}

/** [members, …, n] -> [members, rows, n] */
const inRow = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [x.shape[0]!, -1, x.shape.at(-1)!]);
