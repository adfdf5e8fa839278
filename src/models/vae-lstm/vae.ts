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

/** @param channels of the convolutions next to images; vectors have none */
export const vaeShape = (
  { hidden, latent }: Pick<VaeShape, 'hidden' | 'latent'>,
  observed: Observed,
  channels?: number,
): VaeShape => ({
  tower: reluTower(observed, channels),
  decoder: reluDecoder(observed, channels),
  hidden,
  latent,
});
