/** What an ensemble is made of; the config keys of the same names describe them. */
export interface EnsembleSettings {
  networks: number;
  /** Hidden layers of each network. */
  layers: number;
  /** Units of each. */
  units: number;
  logVariance: {
    /** Bounds of log σ² that each output begins with. */
    min: number;
    max: number;
    learnt: boolean;
    /** Of Σ max − Σ min in the loss. */
    weight: number;
  };
  continueHead: boolean;
  /** Of a step that ends an episode in the continue head's loss, that of another being 1. */
  endWeight: number;
}

/** How particles follow the networks of an ensemble: each one of them throughout (TS∞), or one drawn anew at each step (TS1). */
export type Propagation = 'ts-infinity' | 'ts1';

/** How an ensemble is rolled out for a planner. */
export interface TrajectorySampling {
  /** Along each plan; a multiple of the networks. */
  particles: number;
  propagation: Propagation;
}
