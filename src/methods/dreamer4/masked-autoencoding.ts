import * as tf from '@tensorflow/tfjs-core';
import { binaryCrossEntropy } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import { decode, encode, patchCount, patchesOf, type TokenizerShape } from './tokenizer.ts';

/**
 * Which patches of each image are masked: of one image each with probability p, p ~ U(0, largest) for every image
 * (section 3.1). With p near 0 images are seen as they are when the tokenizer is used.
 *
 * @returns 1 where it is masked: [images, patches]
 */
export function drawMasked(
  random: RandomStream,
  images: number,
  patches: number,
  largest: number,
): Float32Array {
  const masked = new Float32Array(images * patches);
  for (let image = 0; image < images; image++) {
    const p = largest * random.uniform();
    for (let i = 0; i < patches; i++) masked[image * patches + i] = Number(random.uniform() < p);
  }
  return masked;
}

/** Images that are learnt from. */
export interface MaskedImages {
  /** In [0, 1], or bits: [members, batch, cells] */
  images: tf.Tensor;
  /** As `drawMasked` has it: [members, batch, patches, 1] */
  masked: tf.Tensor;
  /** Of images of bits how much a lit cell counts, by its channel: [channels]; undefined: they are none */
  litWeight: tf.Tensor | undefined;
}

/**
 * The loss of masked autoencoding over all patches, masked or not: [members]. Of numbers the mean square (eq. 5 without
 * LPIPS, which needs a network that was trained elsewhere), of bits the mean cross entropy, lit cells weighted,
 *
 *   e = −(w y ln σ(l + ln w) + (1 − y) ln(1 − σ(l + ln w)))
 *
 * whose minimum is a logit l of how likely the cell is lit: without ln w it would be that of w times the odds.
 */
export function maskedAutoencodingLoss(
  parameters: Parameters,
  shape: TokenizerShape,
  { images, masked, litWeight }: MaskedImages,
): tf.Tensor1D {
  const patches = patchesOf(shape, images);
  const given = decode(parameters, shape, encode(parameters, shape, patches, masked));
  if (!litWeight) return meanSquaredError(given, patches);
  const weight = tf.tile(litWeight, [shape.patch ** 2]);
  const errors = binaryCrossEntropy(tf.add(given, tf.log(weight)), patches);
  return memberMean(tf.mul(errors, tf.add(tf.mul(patches, tf.sub(weight, 1)), 1)));
}

/**
 * w of each channel: cells over lit cells, so that lit cells weigh as much together as all cells would unweighted;
 * otherwise the empty image wins. 1 of a channel in which nothing ever is.
 *
 * @param images bits, channels last: [cells] each
 */
export function litWeights(images: Iterable<ArrayLike<number>>, channels: number): Float32Array {
  const lit = new Float64Array(channels);
  let cells = 0;
  for (const image of images) {
    for (let i = 0; i < image.length; i++) lit[i % channels]! += image[i]!;
    cells += image.length / channels;
  }
  return Float32Array.from(lit, (sum) => (sum > 0 ? cells / sum : 1));
}

/** Masks of all members: [members, batch, patches, 1]. */
export function uploadMasked(
  shape: TokenizerShape,
  batch: number,
  largest: number,
  streams: readonly RandomStream[],
): tf.Tensor {
  const patches = patchCount(shape);
  const masked = new Float32Array(streams.length * batch * patches);
  for (const [member, random] of streams.entries()) {
    masked.set(drawMasked(random, batch, patches, largest), member * batch * patches);
  }
  return tf.tensor(masked, [streams.length, batch, patches, 1]);
}
