import { z } from 'zod';
import { environmentEntry } from '../../envs/index.ts';
import type { ExtraHeads } from '../../models/value-equivalent/settings.ts';
import { supportFor } from '../../nn/value-transform.ts';
import { searchSettings } from '../../planning/mcts/settings.ts';
import { lineOf } from '../../training/schedule.ts';
import {
  fraction,
  fractionSchedule,
  imageEncoder,
  nonNegative,
  positive,
  positiveInteger,
  pretrainingKey,
  transitionKeysWith,
  widths,
} from '../fields.ts';
import { type RunLength, transitionRules } from '../rules.ts';

/** What can be predicted. */
const PREDICTED = ['policy', 'value', 'reward', 'continue', 'self', 'observation'] as const;
export type Predicted = (typeof PREDICTED)[number];

const { replay: transitionReplay, ...collecting } = transitionKeysWith({
  ...{ randomSteps: 512, updateEvery: 2, updates: 1 },
  ...{ capacity: 50_000, batch: 64 },
});

/**
 * MuZero's own config keys. The defaults are Gumbel MuZero at a size that learns small tasks on a processor, with values
 * bootstrapped from an averaged network.
 */
export const muzeroSettings = z.strictObject({
  gamma: z
    .number()
    .min(0)
    .lt(1)
    .default(0.997)
    .describe('discount γ per environment step, in returns and in the tree (MuZero: 0.997)'),
  unroll: positiveInteger.max(64).default(5).describe('steps K that the model is unrolled for (MuZero: 5)'),
  returns: z
    .strictObject({
      steps: positiveInteger
        .max(1024)
        .default(10)
        .describe('rewards n of a return before a value follows (MuZero: 10, EfficientZero: 5)'),
      bootstrap: z
        .enum(['average', 'search'])
        .default('average')
        .describe(
          "the value that follows: of the averaged network (MuZero's reanalyse, EfficientZero) or of the search at the time (MuZero)",
        ),
      shrinkEvery: z
        .int()
        .min(0)
        .default(0)
        .describe(
          'environment steps of age after which a return is one step shorter, down to one (EfficientZero: 0.3 of the training); 0: never',
        ),
    })
    .prefault({})
    .describe('what values are learnt from'),
  model: z
    .strictObject({
      latent: positiveInteger.max(16_384).default(16).describe('numbers of a latent (MuZero: 6 × 6 × 256)'),
      hidden: widths.default([48]).describe('hidden layers of dynamics, heads and projections, with ReLU'),
      encoderHidden: widths.default([48]).describe('hidden layers of the encoder, with ReLU'),
      norm: z
        .enum(['layer', 'min-max'])
        .default('layer')
        .describe('latents are standardised (layer), or brought to [0, 1] (min-max, MuZero)'),
      residual: z.boolean().default(true).describe('the dynamics predicts how a latent changes'),
      support: positiveInteger
        .max(1000)
        .default(20)
        .describe(
          'rewards and values stand on the integers from −S to S of h, in units of the largest reward (MuZero: 300)',
        ),
      projection: z
        .int()
        .min(0)
        .max(16_384)
        .default(48)
        .describe(
          'numbers of the projection in which latents are compared (EfficientZero: 1024); 0: as they are',
        ),
    })
    .prefault({})
    .describe('the value-equivalent model'),
  encoder: imageEncoder.describe("what images go through before the encoder's hidden layers"),
  predict: z
    .strictObject({
      policy: nonNegative.default(1).describe("of the search's policy (MuZero: 1)"),
      value: nonNegative.default(0.25).describe('of returns (MuZero: 0.25 with reanalyse, else 1)'),
      reward: nonNegative.default(1).describe('of rewards (MuZero: 1)'),
      continue: nonNegative
        .default(0)
        .describe(
          'of whether an episode goes on (ours; mctx: a discount of 0); 0: there is no continue head',
        ),
      self: nonNegative
        .default(0)
        .describe('of the latents of the states observed (EfficientZero: 2); 0: there are no projections'),
      observation: nonNegative.default(0).describe('of observations (ours); 0: there is no decoder'),
    })
    .prefault({})
    .describe('weights of what is predicted along the unrolled model; a head of weight 0 never learns'),
  shapesModel: z
    .array(z.enum(PREDICTED))
    .min(1)
    .max(PREDICTED.length)
    .default([...PREDICTED])
    .describe(
      'what of `predict` sends its gradient on to dynamics and encoder (MuZero: policy, value, reward); the head of anything else still learns',
    ),
  selfTarget: z
    .enum(['online', 'average', 'unstopped'])
    .default('online')
    .describe(
      'the latents to be predicted are of the encoder itself, without a gradient (EfficientZero), of the averaged network, or of the encoder with its gradient (unstopped, under which they collapse)',
    ),
  halvedAtFirst: z
    .boolean()
    .default(true)
    .describe(
      "the gradient is halved where the first latent goes into the dynamics too (MuZero's text), or only at later ones (its pseudocode)",
    ),
  average: z
    .strictObject({
      rate: fraction
        .default(0.01)
        .describe('how far a step takes the averaged network towards the one that is trained; 1: a copy'),
      every: positiveInteger
        .max(1_000_000_000)
        .default(1)
        .describe('updates from one step to the next (EfficientZero: copies, every 200)'),
    })
    .prefault({})
    .describe('the averaged network, whose values returns are bootstrapped from'),
  search: searchSettings.describe('how every action is searched for'),
  reanalyse: fraction
    .default(0)
    .describe(
      'share of replayed windows whose policies are searched for anew, by the averaged network (EfficientZero: 0.99)',
    ),
  optimizer: z
    .strictObject({
      learningRate: lineOf(nonNegative, { from: 2e-3, to: 2e-4, over: 12_000 }).describe(
        "Adam's step size: a number, or {from, to, over} in environment steps",
      ),
      weightDecay: nonNegative
        .default(1e-4)
        .describe('decoupled weight decay, times the step size (MuZero: 1e-4)'),
      gradientClip: positive.default(5).describe('largest global gradient norm (EfficientZero: 5)'),
    })
    .prefault({})
    .describe('how gradients are followed'),
  pretraining: pretrainingKey(0),
  ...collecting,
  replay: transitionReplay
    .unwrap()
    .extend({
      prioritised: z
        .boolean()
        .default(false)
        .describe('windows are drawn by the error of their value (MuZero: true)'),
      alpha: fraction.default(1).describe('exponent α of priorities (MuZero: 1, EfficientZero: 0.6)'),
      beta: fractionSchedule
        .default(1)
        .describe(
          'exponent β of importance weights: a number, or {from, to, over} in environment steps (MuZero: 1, EfficientZero: 0.4 to 1)',
        ),
    })
    .prefault({})
    .describe('the replay buffer'),
});

export type MuzeroSettings = z.infer<typeof muzeroSettings>;

/** What tables call a run: by its search, and by EfficientZero's loss. */
export function muzeroArm({ search, predict }: MuzeroSettings): string {
  if (predict.self > 0) return 'efficientzero';
  return search.name === 'gumbel' ? 'gumbel-muzero' : 'muzero';
}

/** The heads that there are beside those of reward, value and policy. */
export const extraHeads = ({ predict }: Pick<MuzeroSettings, 'predict'>): ExtraHeads => ({
  continue: predict.continue > 0,
  self: predict.self > 0,
  observation: predict.observation > 0,
});

/** What rules read of a config besides. */
type Config = MuzeroSettings & RunLength;

/** Steps that a window takes: its states and those that returns look ahead. */
export const windowLength = ({ unroll, returns }: { unroll: number; returns: { steps: number } }): number =>
  unroll + returns.steps + 1;

/** h of the largest discounted sum of rewards of 1, their unit: how far the support must reach at least. */
const neededSupport = (gamma: number) => supportFor(1 / (1 - gamma));

/** What must hold between the keys. */
export const muzeroRules = [
  {
    keys: [
      ...(['predict.policy', 'predict.value', 'predict.reward'] as const),
      ...(['predict.continue', 'predict.self', 'predict.observation', 'shapesModel'] as const),
    ] as const,
    holds: ({ predict, shapesModel }: Config) => shapesModel.some((name) => predict[name] > 0),
    says: 'predict must give something that shapesModel names a weight above 0, or nothing is left for encoder and dynamics to learn from',
  },
  {
    keys: ['model.support', 'gamma'] as const,
    holds: ({ model, gamma }: Config) => model.support >= neededSupport(gamma),
    says: ({ gamma }: Config) =>
      `model.support must be at least ${neededSupport(gamma)} with this gamma: values reach 1 / (1 − γ) = ${Math.round(1 / (1 - gamma))} times the largest reward`,
  },
  {
    keys: ['search.considered', 'environment'] as const,
    holds: ({ search, environment }: Config) => {
      if (search.name !== 'gumbel' || search.considered === 'auto') return true;
      const { actionSpace } = environmentEntry(environment!).make();
      return actionSpace.kind !== 'discrete' || search.considered <= actionSpace.n;
    },
    says: 'search.considered must not exceed the choices that the environment has',
  },
  {
    keys: ['randomSteps', 'unroll', 'returns.steps'] as const,
    holds: (config: Config) => config.randomSteps >= windowLength(config),
    says: 'randomSteps must be at least unroll + returns.steps + 1, or the first update has no window',
  },
  {
    keys: ['replay.capacity', 'unroll', 'returns.steps'] as const,
    holds: (config: Config) => config.replay.capacity >= windowLength(config),
    says: 'replay.capacity must be at least unroll + returns.steps + 1, or no window fits into the replay',
  },
  ...transitionRules,
];
