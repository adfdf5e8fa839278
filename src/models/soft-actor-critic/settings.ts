/** What a soft actor-critic is made of and learns by; the config keys of the same names describe them. */
export interface SoftActorCriticSettings {
  gamma: number;
  learningRate: number;
  entropy: number | 'auto';
  targetEntropy: number | 'auto';
  targetRate: number;
  actor: { hidden: number[] };
  critic: { heads: number; hidden: number[] };
}
