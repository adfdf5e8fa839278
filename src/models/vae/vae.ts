import type { ImageEncoder } from '../../nn/convolution.ts';
import { type Decoder, type Observed, reluDecoder, reluTower, type Tower } from '../../nn/tower.ts';

/** What of a variational autoencoder its parameters do not say. */
export interface VaeShape {
  tower: Tower;
  decoder: Decoder;
  /** Of both. */
  hidden: readonly number[];
  /** Dimensions of the latent. */
  latent: number;
}

/** @param encoder of images; vectors have none */
export const vaeShape = (
  { hidden, latent }: Pick<VaeShape, 'hidden' | 'latent'>,
  observed: Observed,
  encoder?: ImageEncoder,
): VaeShape => ({
  tower: reluTower(observed, encoder),
  decoder: reluDecoder(observed, encoder),
  hidden,
  latent,
});
