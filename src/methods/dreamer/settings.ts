import { z } from 'zod';
import { environmentEntry } from '../../envs/index.ts';
import {
  fraction,
  imageEncoder,
  nonNegative,
  positive,
  positiveInteger,
  replayKeysWith,
  share,
  twoHotKeys,
} from '../fields.ts';
import { optimizerKeys, optimizerRules, rssmKeys } from '../rssm-keys.ts';
import type { Rule } from '../rules.ts';

/** Dreamer's own config keys. The defaults are v3's ingredients at a size that learns small tasks on a processor. */
export const dreamerSettings = z.strictObject({
  gamma: z.number().gt(0).lt(1).default(0.997).describe('discount γ per environment step (v3: 1 − 1/333)'),
  discountInContinue: z
    .boolean()
    .default(true)
    .describe(
      'the continue head learns γ (1 − terminal), so that γ is in it (upstream); off: γ stands beside it',
    ),
  lambda: nonNegative
    .default(0.3)
    .describe("weight λ of the critic's loss on replayed states (v3: 0.3, v1 and v2: 0)"),
  horizon: positiveInteger.max(1000).default(15).describe('imagination horizon H in steps'),
  startsPerWindow: positiveInteger
    .max(4096)
    .default(8)
    .describe('last steps of each window from which imagination starts (upstream: all)'),
  model: z.strictObject(rssmKeys).prefault({}).describe('the world model'),
  encoder: imageEncoder.describe(
    "what images go through before the encoder's hidden layers, and back behind the decoder's",
  ),
  twoHot: twoHotKeys,
  critic: z
    .strictObject({
      shapesModel: z
        .boolean()
        .default(true)
        .describe("the critic's gradient on replayed states reaches the model (v3: true)"),
      bootstrapsActor: z.boolean().default(true).describe('the critic ends the imagined return'),
      onPrediction: z
        .boolean()
        .default(false)
        .describe(
          "replayed states are valued as the prior predicts them, too (the dream critic's second term)",
        ),
      layers: positiveInteger.max(8).default(2).describe('hidden layers of the critic'),
      head: z
        .enum(['two-hot', 'squared'])
        .default('two-hot')
        .describe('values as a distribution over bins (v3) or by squared error (v1, v2)'),
      returnLambda: fraction.default(0.95).describe('λ of the λ-return (not the critic weight)'),
      slowRate: fraction
        .default(0.02)
        .describe('rate of the slow critic: v3 0.02 at every update, v2 1 at every 100th, v1 1 (has none)'),
      slowEvery: positiveInteger.default(1).describe('updates per step of the slow critic'),
      slowTarget: z
        .boolean()
        .default(false)
        .describe('returns and baseline are of the slow critic (v2: true, v3: false)'),
      slowRegulariser: nonNegative
        .default(1)
        .describe("weight of the critic's loss on the slow critic's prediction (v3: 1, before: 0)"),
    })
    .prefault({})
    .describe('the critic'),
  actor: z
    .strictObject({
      layers: positiveInteger.max(8).default(2).describe('hidden layers of the actor'),
      reinforce: z
        .union([z.enum(['auto']), fraction])
        .default(1)
        .describe(
          'share ρ of REINFORCE in the gradient, the rest comes through the dynamics: v3 1, v1 0; auto (v2): 1 for choices, 0 in a box',
        ),
      straightThrough: z
        .boolean()
        .default(false)
        .describe('choices are one-hot samples with the gradient of their probabilities (v1)'),
      unimix: share.default(0.01).describe('share of the uniform distribution in choices (v3: 0.01)'),
      box: z
        .enum(['clipped', 'squashed'])
        .default('clipped')
        .describe('actions in a box: a Gaussian clipped to it (v3) or squashed by tanh (v1)'),
      spread: z
        .enum(['bounded', 'wide'])
        .default('bounded')
        .describe('σ of a squashed Gaussian: from 0.1 to 1 (as v3), or 5 at the start and unbounded (v1)'),
      entropy: nonNegative.default(3e-4).describe('weight of the entropy bonus (v3: 3e-4)'),
      exploration: nonNegative
        .default(0)
        .describe('σ of what is added to actions while collecting, or the share of random choices (v1: 0.3)'),
      normaliseReturns: z
        .boolean()
        .default(true)
        .describe('advantages are divided by the moving range P95 − P5 of returns (v3)'),
      returnRangeRate: fraction.default(0.01).describe('rate of the moving range'),
      returnRangeFloor: positive.default(1).describe('its least value (v3: 1)'),
    })
    .prefault({})
    .describe('the actor'),
  optimizer: z
    .strictObject({
      ...optimizerKeys,
      criticLearningRate: positive.default(1e-3).describe('step size of the critic'),
      actorLearningRate: positive.default(1e-3).describe('step size of the actor'),
    })
    .prefault({})
    .describe('how gradients are followed'),
  policyAverage: fraction
    .default(0.001)
    .describe('least rate of the polynomial-decay average of model and actor that evaluation plays'),
  ...replayKeysWith({ randomSteps: 500, updateEvery: 3, batch: 16, length: 16 }),
});

export type DreamerSettings = z.infer<typeof dreamerSettings>;

/** The share ρ of REINFORCE in the actor's gradient, for choices or in a box. */
export const reinforceShare = ({ actor }: DreamerSettings, kind: 'discrete' | 'box'): number => {
  if (actor.reinforce !== 'auto') return actor.reinforce;
  return kind === 'discrete' ? 1 : 0;
};

/** What tells the versions apart, the same in every config that is called by one. */
const versions = [
  { name: '-v1', latent: 'gaussian', head: 'squared', slowTarget: false, normaliseReturns: false },
  { name: '-v2', latent: 'categorical', head: 'squared', slowTarget: true, normaliseReturns: false },
  { name: '-v3', latent: 'categorical', head: 'two-hot', slowTarget: false, normaliseReturns: true },
] as const;

/**
 * What tables call a run: by its version, whatever else was taken from that, and `dreamer` alone where what tells the
 * versions apart is mixed; then by what it lacks of the critic where it has one on replayed states.
 */
export function dreamerArm({ model, critic, actor, lambda }: DreamerSettings): string {
  const version = versions.find(
    ({ latent, head, slowTarget, normaliseReturns }) =>
      latent === model.latent &&
      head === critic.head &&
      slowTarget === critic.slowTarget &&
      normaliseReturns === actor.normaliseReturns,
  );
  const unshaped = lambda > 0 && !critic.shapesModel ? '-unshaped' : '';
  return `dreamer${version?.name ?? ''}${unshaped}${critic.bootstrapsActor ? '' : '-unbootstrapped'}`;
}

/** Why there is no gradient of the critic into the model, not even one that is cut off. */
export const gradientRefusal = ({ lambda }: DreamerSettings): string | undefined =>
  lambda > 0 ? undefined : 'with lambda 0 the critic learns from dreams alone; set it above 0';

/** What must hold between the keys. */
export const dreamerRules: readonly Rule<DreamerSettings & { environment?: string }>[] = [
  {
    keys: ['startsPerWindow', 'replay.length'],
    holds: ({ startsPerWindow, replay }) => startsPerWindow <= replay.length,
    says: 'startsPerWindow must not exceed replay.length: imagination starts from the last steps of a window',
  },
  {
    keys: ['startsPerWindow', 'lambda'],
    holds: ({ startsPerWindow, lambda }) => startsPerWindow > 1 || lambda === 0,
    says: 'startsPerWindow must exceed 1 with a lambda above 0: the critic learns on the transitions between those steps',
  },
  {
    keys: ['critic.onPrediction', 'lambda'],
    holds: ({ critic, lambda }) => lambda > 0 || !critic.onPrediction,
    says: 'critic.onPrediction needs a lambda above 0: both weigh the critic on replayed states',
  },
  ...optimizerRules,
  {
    keys: ['actor.reinforce', 'actor.straightThrough', 'environment'],
    holds: (settings) => {
      const { kind } = environmentEntry(settings.environment!).make().actionSpace;
      return kind === 'box' || settings.actor.straightThrough || reinforceShare(settings, kind) === 1;
    },
    says: 'actor.reinforce below 1 needs gradients through actions, which choices have only with actor.straightThrough',
  },
];
