import type { LatentNorm } from '../../nn/latent-norm.ts';

/** What of a value-equivalent model its parameters do not say; the config keys of the same names describe them. */
export interface ValueEquivalentSettings {
  /** Numbers of a latent. */
  latent: number;
  /** Hidden layers of dynamics, heads and projections. */
  hidden: readonly number[];
  encoderHidden: readonly number[];
  norm: LatentNorm;
  /** Whether the dynamics predicts a change of the latent. */
  residual: boolean;
  /** Rewards and values stand on the integers from −support to support of h. */
  support: number;
  /** Numbers of the projection in which latents are compared; 0: they are compared as they are. */
  projection: number;
}

/** What of a model there is beside dynamics, reward, value and policy. */
export interface ExtraHeads {
  /** Whether latents are to be those of the states observed. */
  self: boolean;
  /** Whether it is predicted that an episode goes on. */
  continue: boolean;
  /** Whether observations are predicted. */
  observation: boolean;
}
