import { z } from 'zod';
import { heldOutEpisodes } from '../../training/recorded-episodes.ts';
import { grouped } from '../../words.ts';
import { fraction, nonNegative, positive, positiveInteger, share, widths } from '../fields.ts';
import { type ImageSource, type RunLength, sidesOf } from '../rules.ts';

const updates = positiveInteger.max(100_000_000);
const hidden = widths.default([64]).describe('hidden layers, with ReLU');

/** Dreamer 4's own config keys. The defaults are a size that learns small vector tasks on a processor in minutes. */
export const dreamer4Settings = z.strictObject({
  phases: z
    .strictObject({
      tokenizer: z
        .int()
        .min(0)
        .max(100_000_000)
        .default(0)
        .describe('updates of the tokenizer of images, before all others; of vectors 0'),
      dynamics: updates.default(4000).describe('updates of the dynamics alone'),
      agent: updates
        .default(2000)
        .describe(
          'updates of dynamics and heads: policy, reward, continue. What is left of `steps` is imagination',
        ),
    })
    .prefault({})
    .describe(
      'when which part learns: first the tokenizer, where observations are images, then the dynamics, then the heads on it, then policy and value in imagination',
    ),
  sequence: positiveInteger
    .min(2)
    .max(4096)
    .default(12)
    .describe('frames T of a window, more than model.context (Dreamer 4 trains on 64 and 256)'),
  batch: positiveInteger.max(65_536).default(32).describe('windows per update'),
  heldOut: share
    .default(0.1)
    .describe('share of the episodes that nothing is learnt from: the model is measured on them'),
  tokenizer: z
    .strictObject({
      patch: positiveInteger
        .max(256)
        .default(2)
        .describe('rows and columns of a patch, a divisor of those of an image (Dreamer 4: 16)'),
      latents: positiveInteger
        .max(1024)
        .default(8)
        .describe('latent tokens N_b of an image (Dreamer 4: 512)'),
      channels: positiveInteger
        .max(1024)
        .default(4)
        .describe('numbers D_b of each behind the bottleneck (Dreamer 4: 16)'),
      tokens: positiveInteger
        .max(1024)
        .default(4)
        .describe(
          'tokens S_z that the dynamics has of them, a divisor of latents · channels (Dreamer 4: 256)',
        ),
      width: positiveInteger.max(4096).default(48).describe('numbers of a token in encoder and decoder'),
      heads: positiveInteger.max(64).default(2).describe('heads of attention, of width / heads numbers each'),
      hidden: positiveInteger.max(16_384).default(96).describe('hidden numbers of the SwiGLU layers'),
      layers: positiveInteger.max(64).default(2).describe('layers of encoder and decoder each'),
      masked: share
        .default(0.9)
        .describe("largest share of an image's patches that are masked, p ~ U(0, masked) (Dreamer 4: 0.9)"),
      batch: positiveInteger.max(65_536).default(64).describe('images per update'),
      learningRate: positive
        .default(2e-3)
        .describe('Adam step size; warms up and falls as optimizer.learningRate does'),
    })
    .prefault({})
    .describe('what makes latents of images, by masked autoencoding; vectors have none'),
  model: z
    .strictObject({
      width: positiveInteger.max(4096).default(32).describe('numbers D of a token'),
      heads: positiveInteger.max(64).default(2).describe('heads of attention, of width / heads numbers each'),
      hidden: positiveInteger.max(16_384).default(64).describe('hidden numbers of the SwiGLU layers'),
      layers: z
        .string()
        .regex(/^[ST]{1,64}$/)
        .meta({ title: 'a word of S and T' })
        .default('STST')
        .describe(
          "layers one after the other: S attends over a frame's tokens, T over time (Dreamer 4: every 4th over time); a T after an S lets latents see actions",
        ),
      context: positiveInteger
        .min(2)
        .max(1024)
        .default(6)
        .describe('frames C that a token sees in a layer over time (Dreamer 4: 192)'),
      scoreCap: positive.default(50).describe('soft cap of attention scores (left open by the paper)'),
      rotaryBase: positive.default(100).describe('base of rotary positions over time'),
    })
    .prefault({})
    .describe('the block-causal transformer'),
  shortcut: z
    .strictObject({
      levels: positiveInteger
        .max(1024)
        .default(16)
        .describe('K_max, a power of two: signal levels, and steps from noise at the finest'),
      bootstrap: share
        .default(0.25)
        .describe(
          'share of the windows that learn larger steps from two of half the size (shortcut models: 0.25)',
        ),
      cleanContext: share
        .default(0.5)
        .describe(
          'share of frames that are shown clean, as context, and outside the loss, more than 0: acting and imagination see no other context (ours; Dreamer 4: none, and context with 10 % noise)',
        ),
      predict: z
        .enum(['change', 'latent'])
        .default('change')
        .describe(
          'what is predicted after a clean frame: how the latent changes, in units of its spread (ours), or the latent itself (Dreamer 4)',
        ),
    })
    .prefault({})
    .describe('how the dynamics learns: shortcut forcing'),
  agent: z
    .strictObject({
      hidden,
      distances: positiveInteger
        .max(64)
        .default(4)
        .describe(
          'frames ahead that policy, reward and continue are predicted for, the next one among them (Dreamer 4: 8)',
        ),
      bins: z
        .int()
        .min(3)
        .max(4095)
        .default(41)
        .describe('bins of rewards and values, an odd number (Dreamer 4: symexp two-hot)'),
      cleanWindows: fraction
        .default(0.25)
        .describe(
          'share of the windows that are shown clean throughout while the heads learn, as they are when acting',
        ),
    })
    .prefault({})
    .describe('the heads on what the agent token knows'),
  imagination: z
    .strictObject({
      starts: positiveInteger
        .max(65_536)
        .default(64)
        .describe('rollouts per update, each from a context of the data'),
      horizon: positiveInteger.max(1024).default(12).describe('steps H of each'),
      samplingSteps: positiveInteger
        .max(1024)
        .default(4)
        .describe('steps K from noise to a frame, a divisor of shortcut.levels (Dreamer 4: 4)'),
      gamma: z.number().min(0).lt(1).default(0.99).describe('discount γ (Dreamer 4: 0.997)'),
      lambda: fraction.default(0.95).describe('λ of returns'),
      alpha: fraction
        .default(0.5)
        .describe('weight α of actions that came out well; 1 − α of the others (Dreamer 4: 0.5)'),
      beta: nonNegative
        .default(0.3)
        .describe("weight β of KL(π ‖ prior), the phase before's policy (Dreamer 4: 0.3)"),
      policyLearningRate: positive.default(1e-3).describe('Adam step size of the policy'),
      valueLearningRate: positive.default(3e-3).describe('Adam step size of the value'),
      centred: z
        .boolean()
        .default(true)
        .describe(
          'advantages are taken less their mean, so that a value that lags behind does not make all of them positive (ours; Dreamer 4: false)',
        ),
      valueWarmUp: z
        .int()
        .min(0)
        .max(100_000_000)
        .default(150)
        .describe('updates of the value alone at first: while it lags behind, all advantages are positive'),
    })
    .prefault({})
    .describe('reinforcement learning inside the model (PMPO)'),
  optimizer: z
    .strictObject({
      learningRate: positive
        .default(1e-3)
        .describe(
          'Adam step size of dynamics and heads; falls to a tenth along a cosine in each of their phases',
        ),
      warmUp: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(100)
        .describe('updates at the start of each over which it rises'),
      gradientClip: positive.default(1).describe('largest global gradient norm'),
      rmsDecay: share.default(0.99).describe('decay of the running RMS that each loss is divided by'),
    })
    .prefault({})
    .describe('how gradients are followed'),
});

export type Dreamer4Settings = z.infer<typeof dreamer4Settings>;

/** The phases' numbers, as metrics.csv has them. */
export const PHASES = { tokenizer: 0, dynamics: 1, agent: 2, imagination: 3 } as const;
export type PhaseName = keyof typeof PHASES;

/** Which phase an update is of, 1 for the first, and which of that phase, from 1. */
export function phaseOf(
  { phases }: Pick<Dreamer4Settings, 'phases'>,
  update: number,
): { name: PhaseName; index: number } {
  let before = 0;
  for (const name of ['tokenizer', 'dynamics', 'agent'] as const) {
    if (update <= before + phases[name]) return { name, index: update - before };
    before += phases[name];
  }
  return { name: 'imagination', index: update - before };
}

const isPowerOfTwo = (x: number) => Number.isInteger(Math.log2(x));

type Config = Dreamer4Settings & RunLength & ImageSource;

const showsImages = (config: Config) => sidesOf(config).length > 0;

/** What must hold between the keys. */
export const dreamer4Rules = [
  {
    keys: ['phases.tokenizer', 'environment'] as const,
    holds: (config: Config) => config.phases.tokenizer > 0 === showsImages(config),
    says: (config: Config) =>
      showsImages(config)
        ? `phases.tokenizer must be above 0 where observations are images, as in ${config.environment}, or nobody makes latents of them`
        : `phases.tokenizer must be 0 where observations are vectors, as in ${config.environment}: there is nothing to learn`,
  },
  {
    keys: ['tokenizer.patch', 'environment'] as const,
    holds: (config: Config) => sidesOf(config).every((side) => side % config.tokenizer.patch === 0),
    says: (config: Config) =>
      `tokenizer.patch must divide the sides of an image, and ${config.tokenizer.patch} does not divide ${sidesOf(config).join(' × ')}`,
  },
  {
    keys: ['tokenizer.tokens', 'tokenizer.latents', 'tokenizer.channels'] as const,
    holds: ({ tokenizer }: Config) => (tokenizer.latents * tokenizer.channels) % tokenizer.tokens === 0,
    says: 'tokenizer.tokens must divide tokenizer.latents · tokenizer.channels, the numbers that they share',
  },
  {
    keys: ['tokenizer.heads', 'tokenizer.width'] as const,
    holds: ({ tokenizer }: Config) => tokenizer.width % tokenizer.heads === 0,
    says: 'tokenizer.heads must divide tokenizer.width',
  },
  {
    keys: ['shortcut.levels'] as const,
    holds: ({ shortcut }: Config) => shortcut.levels > 1 && isPowerOfTwo(shortcut.levels),
    says: 'shortcut.levels must be a power of two from 2 on, or steps cannot be halved',
  },
  {
    keys: ['shortcut.cleanContext'] as const,
    holds: ({ shortcut }: Config) => shortcut.cleanContext > 0,
    says: 'shortcut.cleanContext must be more than 0, or acting and imagination are shown clean frames that nothing was learnt from',
  },
  {
    keys: ['imagination.samplingSteps', 'shortcut.levels'] as const,
    holds: ({ imagination, shortcut }: Config) => shortcut.levels % imagination.samplingSteps === 0,
    says: 'imagination.samplingSteps must divide shortcut.levels, or there is no step of that size',
  },
  {
    keys: ['model.width', 'model.heads'] as const,
    holds: ({ model }: Config) => model.width % (2 * model.heads) === 0,
    says: 'model.heads must divide model.width into even numbers, half of which are turned against the other half',
  },
  {
    keys: ['model.context', 'sequence'] as const,
    holds: ({ model, sequence }: Config) => model.context < sequence,
    says: 'model.context must be less than sequence, or every token that learns sees the start of its window',
  },
  {
    keys: ['agent.bins'] as const,
    holds: ({ agent }: Config) => agent.bins % 2 === 1,
    says: 'agent.bins must be odd: the middle one is 0',
  },
  {
    keys: ['agent.distances', 'sequence'] as const,
    holds: ({ agent, sequence }: Config) => agent.distances < sequence,
    says: 'agent.distances must be less than sequence, or no window reaches as far',
  },
  {
    keys: ['phases.tokenizer', 'phases.dynamics', 'phases.agent', 'evaluation.every', 'steps'] as const,
    holds: ({ evaluation, phases: { tokenizer, dynamics, agent }, steps }: Config) =>
      [tokenizer, tokenizer + dynamics, tokenizer + dynamics + agent].every(
        (end) => end >= steps || end % evaluation.every === 0,
      ),
    says: 'evaluation.every must divide phases.tokenizer, phases.dynamics and phases.agent, or no evaluation shows what each phase has reached',
  },
] as const;

/** Bytes of a seed's latents that are kept in memory at most. */
const MOST_LATENTS = 500e6;

/** Why nothing can be learnt from episodes of such lengths, in steps. */
export function dreamer4DataRefusal(
  { model, phases, tokenizer, heldOut }: Pick<Dreamer4Settings, 'model' | 'phases' | 'tokenizer' | 'heldOut'>,
  lengths: Int32Array,
): string | undefined {
  const longest = lengths.reduce((most, length) => Math.max(most, length + 1), 0);
  if (longest < model.context)
    return `its longest episode has ${longest} frames, and model.context is ${model.context}; choose a smaller context, or longer episodes`;
  const { training } = heldOutEpisodes({ lengths }, heldOut);
  const frames = training.reduce((sum, episode) => sum + lengths[episode]! + 1, 0);
  const bytes = 4 * frames * tokenizer.latents * tokenizer.channels;
  if (phases.tokenizer > 0 && bytes > MOST_LATENTS)
    return `the latents of the ${grouped(frames)} frames that are learnt from take ${Math.ceil(bytes / 1e6)} MB, and ${MOST_LATENTS / 1e6} MB of each seed are kept at most; choose fewer tokenizer.latents or tokenizer.channels, or a smaller data set`;
  return undefined;
}
