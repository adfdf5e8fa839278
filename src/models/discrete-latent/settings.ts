/** What a model with discrete latent variables is made of and learns by; the config keys of the same names describe them. */
export interface DiscreteLatentSettings {
  /** 0: a deterministic network. */
  bits: number;
  /** Hidden layers before the bits come in, and as many of what infers them. */
  layers: number;
  /** Units of each layer. */
  units: number;
  prior: 'bernoulli' | 'lstm';
  /** Units of the prior's hidden layer, or of its LSTM. */
  priorUnits: number;
  /** Of the prior's negative log-likelihood in the loss. */
  priorWeight: number;
  /** Share of inferred bits that are flipped. */
  flips: number;
  /** Share of inferred bits that the prior's own replace, once warmed up. */
  ownBits: number;
  /** Share of steps that are predicted with bits, once warmed up. */
  latentUse: number;
  /** Share of inputs that are the model's own prediction, once warmed up. */
  scheduledSampling: number;
  /** Updates. */
  warmUp: number;
  rewardHead: 'classes' | 'squared';
  continueHead: boolean;
  /** Of a step that ends an episode in the continue head's loss, that of another being 1. */
  endWeight: number;
}

/** The rewards that the head `classes` tells apart. */
export const REWARD_CLASSES = [-1, 0, 1] as const;
