import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { binaryCrossEntropy } from '../../nn/distributions.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import type { VaeShape } from './vae.ts';

/** What the decoder of images is learnt by; vectors know the squared error alone. */
export type ImageLoss = 'cross-entropy' | 'squared';

export const decoderSpecs = ({ decoder, hidden, latent }: VaeShape): ParameterSpec[] =>
  decoder.specs('decoder', latent, hidden);

/** What the decoder's layers give, of images the logits of their cells: [members, …, latent] -> [members, …, observation]. */
export const decoderOutput = (
  parameters: Parameters,
  { decoder, hidden }: VaeShape,
  latent: tf.Tensor,
): tf.Tensor => decoder.apply(parameters, 'decoder', hidden.length, latent);

/** dec(z): the normalised observation that a latent stands for, [members, …, latent] -> [members, …, observation]. */
export const decode = (parameters: Parameters, vae: VaeShape, latent: tf.Tensor): tf.Tensor =>
  vae.decoder.observation(decoderOutput(parameters, vae, latent));

/**
 * How far x̂ = dec(z) is from õ, the mean over all but the member axis of
 *
 *   Σ (x̂ − õ)²                                                   of vectors, and of images by `squared`
 *   Σ KL(Bernoulli(õ) ‖ Bernoulli(x̂)) = Σ BCE(x̂, õ) − H(õ)        of images by `cross-entropy`, in nats
 *
 * Both are 0 where they are equal. By the logit l of a cell the gradient of the second is x̂ − õ (the Bernoulli decoder of
 * Kingma and Welling 2014); that of the first, 2 (x̂ − õ) x̂ (1 − x̂), vanishes where the logistic function saturates, be it
 * on the wrong side: pictures that are dark nearly everywhere drive it there before anything is drawn.
 *
 * @param output as `decoderOutput` gives it: [members, …, observation]
 * @param observation õ, a constant, likewise
 * @returns [members]
 */
export function reconstructionError(
  { decoder }: Pick<VaeShape, 'decoder'>,
  output: tf.Tensor,
  observation: tf.Tensor,
  imageLoss: ImageLoss,
): tf.Tensor1D {
  const elements = observation.shape.at(-1)!;
  if (!decoder.givesLogits || imageLoss === 'squared') {
    return meanSquaredError(decoder.observation(output), observation, elements);
  }
  const entropy = stopGradient(() => bernoulliEntropy(observation));
  return memberMean(tf.sub(binaryCrossEntropy(output, observation), entropy), elements);
}

/** So that the logarithm of 0 is a number. */
const LEAST_PROBABILITY = 1e-7;

/** H = −p log p − (1 − p) log(1 − p), elementwise, in nats. */
function bernoulliEntropy(p: tf.Tensor): tf.Tensor {
  const surprise = (q: tf.Tensor) => tf.mul(q, tf.log(tf.maximum(q, LEAST_PROBABILITY)));
  return tf.neg(tf.add(surprise(p), surprise(tf.sub(1, p))));
}
