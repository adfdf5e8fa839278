import type * as tf from '@tensorflow/tfjs-core';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { VaeShape } from './vae.ts';

export const decoderSpecs = ({ decoder, hidden, latent }: VaeShape): ParameterSpec[] =>
  decoder.specs('decoder', latent, hidden);

/** dec(z): the normalised observation that a latent stands for, [members, …, latent] -> [members, …, observation]. */
export const decode = (parameters: Parameters, { decoder, hidden }: VaeShape, latent: tf.Tensor): tf.Tensor =>
  decoder.apply(parameters, 'decoder', hidden.length, latent);
