/** What of a latent model its parameters do not say; the config keys of the same names describe them. */
export interface LatentSettings {
  /** Numbers of z. */
  latent: number;
  /** Numbers per group of SimNorm; 0: z is free. */
  simNorm: number;
  layers: LayerKind;
  /** Units of the two hidden layers of dynamics, heads and actor. */
  hidden: number;
  encoderHidden: number;
  encoderLayers: number;
  scalars: 'two-hot' | 'squared';
  /** Whether rewards and values are learnt in units of `AgentSpaces.rewardScale`, or as they are. */
  scaledRewards: boolean;
  continueHead: boolean;
  /** Whether a head stands between the predicted latent and the one that is to be predicted. */
  predictor: boolean;
}

/** Hidden layers as TD-MPC2 has them, LayerNorm and Mish, or as TD-MPC has, ELU. */
export type LayerKind = 'normed' | 'plain';

/** How a critic of several heads judges. */
export interface CriticSettings {
  heads: number;
  /** What is made of the two heads that judge, where a policy is judged. */
  pair: 'mean' | 'min';
}

/** What there is of a policy. */
export interface PolicySettings {
  /** Choices: those of the largest value, or of an actor's. */
  choices: 'greedy' | 'learned';
  /** Numbers in a box: a Gaussian squashed by tanh, or tanh of a mean with noise. */
  box: 'squashed' | 'noisy';
  /** σ of that noise, in half widths of the box. */
  noise: number;
  /** The largest there is of it. */
  noiseClip: number;
}
