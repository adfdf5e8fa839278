import type { ImageEncoder } from '../../nn/convolution.ts';
import type { LayerStyle } from '../../nn/norm-mlp.ts';

/** What of an RSSM its parameters do not say; the config keys of the same names describe them. */
export interface RssmSettings extends LayerStyle {
  latent: 'categorical' | 'gaussian';
  /** Variables of z. */
  stoch: number;
  /** Classes of each, where it is categorical. */
  classes: number;
  /** Share of the uniform distribution in every categorical. */
  unimix: number;
  /** Numbers of h. */
  deter: number;
  hidden: number;
  cell: 'blocks' | 'gru';
  blocks: number;
  priorLayers: number;
  units: number;
  encoderLayers: number;
  decoderLayers: number;
  /** Of the convolutions next to images; absent where observations are vectors. */
  encoder?: ImageEncoder;
  headLayers: number;
  symlog: boolean;
  scaledObservations: boolean;
  scaledRewards: boolean;
  rewardHead: ScalarHead;
  continueHead: boolean;
}

/** How a head predicts a number: by two-hot encoded bins, or as the mean of a Gaussian of variance 1. */
export type ScalarHead = 'two-hot' | 'squared';

/** Bins of two-hot encoded numbers. */
export interface TwoHotSettings {
  bins: number;
  limit: number;
}
