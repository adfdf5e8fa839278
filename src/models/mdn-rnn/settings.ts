import type { MixtureKind } from '../../nn/mixture.ts';

/** What fixes the shape of an MDN-RNN; the config keys of the same names describe them. */
export interface MdnRnnSettings {
  encoder: 'vae' | 'none';
  /** Of a VAE. */
  latent: number;
  hidden: readonly number[];
  lstm: number;
  mixture: MixtureKind;
  components: number;
  headHidden: readonly number[];
}
