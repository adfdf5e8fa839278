import { z } from 'zod';
import { nonNegative, positive, positiveInteger, share } from './fields.ts';
import { type ReplayConfig, type Rule, replayRules } from './rules.ts';

/** Keys of the recurrent state-space model, for every method that learns one: see `RssmSettings` and `RssmLossSettings`. */
export const rssmKeys = {
  latent: z
    .enum(['categorical', 'gaussian'])
    .default('categorical')
    .describe('distribution of z: categorical (v2, v3) or gaussian (PlaNet, v1)'),
  stoch: positiveInteger.max(4096).default(8).describe('variables of the stochastic state z'),
  classes: positiveInteger.min(2).max(4096).default(8).describe('classes of each, where it is categorical'),
  unimix: share
    .default(0.01)
    .describe('share of the uniform distribution in every categorical of z (v3: 0.01, v2: 0)'),
  deter: positiveInteger.max(16_384).default(64).describe('numbers of the deterministic state h'),
  hidden: positiveInteger.max(16_384).default(64).describe('units of the hidden layers between h, z and a'),
  cell: z
    .enum(['blocks', 'gru'])
    .default('blocks')
    .describe(
      'sequence model: block-diagonal GRU with input layers (v3) or a GRU on one layer of z and a (PlaNet to v2)',
    ),
  blocks: positiveInteger.max(64).default(1).describe('blocks of the cell `blocks` (v3: 8)'),
  priorLayers: positiveInteger.max(8).default(2).describe('hidden layers of the prior (v3: 2, before: 1)'),
  units: positiveInteger
    .max(16_384)
    .default(64)
    .describe('units of the hidden layers of encoder, decoder and heads'),
  encoderLayers: positiveInteger.max(8).default(2).describe('hidden layers of the encoder'),
  decoderLayers: positiveInteger.max(8).default(2).describe('hidden layers of the decoder'),
  headLayers: positiveInteger.max(8).default(1).describe('hidden layers of reward and continue head'),
  norm: z.boolean().default(true).describe('RMS normalisation before every activation (v3)'),
  activation: z.enum(['silu', 'elu']).default('silu').describe('of hidden layers: silu (v3) or elu (before)'),
  symlog: z.boolean().default(false).describe('the model sees and reconstructs symlog(o) (v3: true)'),
  scaledObservations: z
    .boolean()
    .default(true)
    .describe("observations are divided by the environment's scale first (upstream: false)"),
  scaledRewards: z
    .boolean()
    .default(false)
    .describe(
      'rewards are divided by the largest there is first, and values are times (1 − γ) (ours for v1 and v2)',
    ),
  rewardHead: z
    .enum(['two-hot', 'squared'])
    .default('two-hot')
    .describe('rewards as a distribution over bins (v3) or by squared error'),
  continueHead: z.boolean().default(true).describe('predict termination; off: imagination never ends'),
  weights: z
    .strictObject({
      reconstruction: nonNegative.default(1).describe('of Σ (x − x̂)²'),
      reward: nonNegative.default(1).describe("of the reward's negative log-likelihood"),
      continue: nonNegative.default(1).describe("of the continue head's cross entropy"),
      dynamics: nonNegative.default(1).describe('of KL(sg q ‖ p), which trains the prior (v3: 1)'),
      representation: nonNegative
        .default(0.1)
        .describe('of KL(q ‖ sg p), which trains the posterior (v3: 0.1)'),
    })
    .prefault({})
    .describe("weights of the model's losses"),
  freeNats: nonNegative.default(1).describe('nats below which a KL costs nothing (v3: 1, v1 and PlaNet: 3)'),
  freeNatsOver: z
    .enum(['state', 'mean'])
    .default('state')
    .describe(
      'what is compared with them: the KL of each state (v3, PlaNet) or the mean over the batch (v1, v2)',
    ),
};

/** Keys of the optimizer: see `OptimizerSettings`. */
export const optimizerKeys = {
  name: z
    .enum(['laprop', 'adam'])
    .default('laprop')
    .describe('LaProp: the momentum of normalised gradients (v3), or Adam'),
  learningRate: positive.default(1e-3).describe('step size of the world model (v3: 4e-5 for layers of 1024)'),
  epsilon: positive.default(1e-20).describe('ε (v3: 1e-20)'),
  warmUp: z.int().min(0).default(100).describe('updates over which the step size grows from 0 (v3: 1000)'),
  adaptiveClip: nonNegative
    .default(0.3)
    .describe("largest share of each tensor's norm that its gradient's may have; 0: any (v3: 0.3)"),
  gradientClip: nonNegative
    .default(0)
    .describe(
      'largest global gradient norm, of each network that has its own step size; 0: any (v1, v2: 100)',
    ),
};

/** Adam squares gradients as they are: those whose squares are 0 in 32 bits would be divided by ε alone. */
const LEAST_ADAM_EPSILON = 1e-12;

/** What must hold between the keys of the optimizer. */
export const optimizerRules: readonly Rule<{ optimizer: { name: 'laprop' | 'adam'; epsilon: number } }>[] = [
  {
    keys: ['optimizer.name', 'optimizer.epsilon'],
    holds: ({ optimizer }) => optimizer.name === 'laprop' || optimizer.epsilon >= LEAST_ADAM_EPSILON,
    says: `optimizer.epsilon must be at least ${LEAST_ADAM_EPSILON} with optimizer.name adam`,
  },
];

/** What must hold between the keys of a method that learns an RSSM from windows of steps. */
export const rssmRules: readonly Rule<RssmConfig & ReplayConfig>[] = [
  {
    keys: ['model.blocks', 'model.deter'],
    holds: ({ model }) => model.cell === 'gru' || model.deter % model.blocks === 0,
    says: 'model.blocks must divide model.deter into equal blocks',
  },
  {
    keys: ['randomSteps', 'replay.length'],
    holds: ({ randomSteps, replay }) => randomSteps > replay.length,
    says: 'randomSteps must exceed replay.length: a window takes the step before it, too',
  },
  {
    keys: ['replay.capacity', 'replay.length'],
    holds: ({ replay }) => replay.capacity > replay.length,
    says: 'replay.capacity must exceed replay.length: a window takes the step before it, too',
  },
  ...replayRules,
];

interface RssmConfig {
  model: { cell: 'blocks' | 'gru'; deter: number; blocks: number };
}
