import type { ImageEncoder } from '../../nn/convolution.ts';
import type { MixtureKind } from '../../nn/mixture.ts';
import type { ImageLoss } from '../vae/decoder.ts';

/** What fixes the shape of an MDN-RNN; the config keys of the same names describe them. */
export interface MdnRnnSettings {
  encoder: 'vae' | 'none';
  /** Of a VAE. */
  latent: number;
  hidden: readonly number[];
  /** Of the VAE, over images. */
  images: ImageEncoder;
  imageLoss: ImageLoss;
  lstm: number;
  mixture: MixtureKind;
  components: number;
  headHidden: readonly number[];
}
