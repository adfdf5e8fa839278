import { z } from 'zod';
import { environmentEntry } from '../../envs/index.ts';
import { plannerSuits } from '../../planning/requirements.ts';
import { plannerRules, plannerSettingsWith } from '../../planning/settings.ts';
import {
  fraction,
  nonNegative,
  positive,
  positiveInteger,
  pretrainingKey,
  replayKeysWith,
  twoHotKeys,
} from '../fields.ts';
import { replayRules } from '../rules.ts';

/** TD-MPC's own config keys. The defaults are TD-MPC2's ingredients at a size that learns small tasks on a processor. */
export const tdmpcSettings = z.strictObject({
  gamma: z
    .number()
    .min(0)
    .lt(1)
    .default(0.99)
    .describe(
      'discount γ per environment step (v2: (L/5 − 1) / (L/5) within 0.95 and 0.995, L the time limit; v1: 0.99)',
    ),
  policyAverage: fraction
    .default(1)
    .describe(
      'least rate of the polynomial-decay average of all that acts, in which evaluation plans (ours); 1: it plans in the weights as they are trained (v1, v2)',
    ),
  rho: fraction
    .gt(0)
    .default(0.5)
    .describe('weight ρ^t of the step t of a window (v1, v2: 0.5; v2 where episodes terminate: 0.7)'),
  model: z
    .strictObject({
      latent: positiveInteger.max(16_384).default(64).describe('numbers of the latent z (v2: 512, v1: 50)'),
      simNorm: z
        .int()
        .min(0)
        .max(16_384)
        .default(8)
        .describe('numbers per group of SimNorm, a softmax over each (v2: 8); 0: z is free (v1)'),
      layers: z
        .enum(['normed', 'plain'])
        .default('normed')
        .describe(
          'hidden layers: LayerNorm and Mish, from weights N(0, 0.02²) (normed, v2), or ELU, from orthogonal ones, with LayerNorm and tanh in the first of each value head (plain, v1)',
        ),
      hidden: positiveInteger
        .max(16_384)
        .default(128)
        .describe('units of the two hidden layers of dynamics, heads and actor (v1, v2: 512)'),
      encoderHidden: positiveInteger
        .max(16_384)
        .default(128)
        .describe("units of the encoder's hidden layers (v1, v2: 256)"),
      encoderLayers: positiveInteger.max(8).default(1).describe('hidden layers of the encoder (v1, v2: 1)'),
      scalars: z
        .enum(['two-hot', 'squared'])
        .default('two-hot')
        .describe('rewards and values as a distribution over bins of symlog (v2) or by squared error (v1)'),
      scaledRewards: z
        .boolean()
        .default(false)
        .describe(
          'rewards are divided by the largest there is first, for values by squared error (ours for v1)',
        ),
      continueHead: z
        .boolean()
        .default(true)
        .describe('predict termination (v2 where episodes terminate); off: plans never end (v1)'),
      target: z
        .enum(['stopped', 'averaged', 'unstopped'])
        .default('stopped')
        .describe(
          'the latent z* that is to be predicted: of the encoder, as a constant (stopped, v2), of a moving average of it (averaged, v1, SPR), or of the encoder, which learns to be predicted (unstopped: nothing then keeps it from collapse)',
        ),
      predictor: z
        .boolean()
        .default(false)
        .describe(
          'a head makes of the predicted latent what is held against z* (SPR, BYOL); off: the latent is, as it is (v1, v2)',
        ),
      distance: z
        .enum(['squared', 'cosine'])
        .default('squared')
        .describe(
          'how far the two are apart: squared error, the mean over numbers (v1, v2), or 2 − 2 cos (SPR)',
        ),
      shapedBy: z
        .strictObject({
          reward: z
            .boolean()
            .default(true)
            .describe("the reward head's gradient reaches dynamics and encoder (v1, v2: true)"),
          continue: z.boolean().default(true).describe("so does the termination head's (v2: true)"),
        })
        .prefault({})
        .describe('what shapes the latent beside its prediction of itself; of values: critic.shapesModel'),
      weights: z
        .strictObject({
          consistency: nonNegative
            .default(20)
            .describe('of the distance of ẑ from z* (v2: 20, v1: 2; SPR: 5 of cosines)'),
          reward: nonNegative.default(0.1).describe("of the reward head's loss (v2: 0.1, v1: 0.5)"),
          value: nonNegative
            .default(0.1)
            .describe(
              "of the value heads' loss, the mean over heads (v2: 0.1, v1: 0.2, its sum over two heads times 0.1)",
            ),
          continue: nonNegative.default(1).describe("of the termination head's cross entropy (v2: 1)"),
        })
        .prefault({})
        .describe("weights of the model's losses"),
    })
    .prefault({})
    .describe('the latent world model'),
  twoHot: twoHotKeys,
  critic: z
    .strictObject({
      heads: z.int().min(2).max(64).default(3).describe('value heads, of which two judge (v2: 5, v1: 2)'),
      pair: z
        .enum(['mean', 'min'])
        .default('mean')
        .describe(
          'what two heads say of the actor and of the end of a plan: their mean (v2) or the lesser (v1); the target is the lesser in both',
        ),
      shapesModel: z
        .boolean()
        .default(true)
        .describe("the value heads' gradient reaches dynamics and encoder (v1, v2: true)"),
      targetRate: fraction
        .default(0.05)
        .describe(
          'rate of the moving average that targets are of (v1, v2: 0.01, which takes 10,000 updates)',
        ),
      targetEvery: positiveInteger.default(1).describe('updates per step of that average (v2: 1, v1: 2)'),
    })
    .prefault({})
    .describe('the value heads'),
  actor: z
    .strictObject({
      choices: z
        .enum(['greedy', 'learned'])
        .default('greedy')
        .describe(
          'of choices: that of the largest value, without an actor, or an actor learns them (ours: TD-MPC has boxes alone)',
        ),
      box: z
        .enum(['squashed', 'noisy'])
        .default('squashed')
        .describe(
          'numbers in a box: a Gaussian squashed by tanh, with an entropy bonus among returns of scale 1 (v2), or tanh of a mean with noise (v1)',
        ),
      noise: nonNegative.default(0.05).describe('σ of that noise (v1: 0.05)'),
      noiseClip: nonNegative.default(0.3).describe('the most that it adds (v1: 0.3)'),
      entropy: nonNegative
        .default(1e-4)
        .describe('weight of the entropy bonus (v2: 1e-4; an actor of choices needs 0.01)'),
      scaled: z
        .boolean()
        .default(true)
        .describe('values are divided by the moving range P95 − P5 of them, at least 1 (v2)'),
      scaleRate: fraction.default(0.01).describe('rate of the moving range (v2: 0.01)'),
    })
    .prefault({})
    .describe('the actor, which proposes plans and says what a state is worth'),
  planner: plannerSettingsWith({
    ...{ name: 'mppi', horizon: 3, termination: 'hard', candidates: 64, elites: 8, iterations: 4 },
    momentum: 0,
  }).describe('how every action is searched for (v1, v2: mppi)'),
  exploration: nonNegative
    .default(0)
    .describe(
      'share of random choices while collecting, or σ of what is added to numbers in a box (0: mppi strays by itself)',
    ),
  optimizer: z
    .strictObject({
      learningRate: positive.default(1e-3).describe("Adam's step size (v2: 3e-4, v1: 1e-3)"),
      encoderScale: positive.default(0.3).describe('what it is times for the encoder (v2: 0.3, v1: 1)'),
      actorEpsilon: positive.min(1e-12).default(1e-5).describe("Adam's ε of the actor (v2: 1e-5, v1: 1e-8)"),
      gradientClip: positive
        .default(20)
        .describe('largest global gradient norm, for model and actor each (v2: 20, v1: 10)'),
    })
    .prefault({})
    .describe('how gradients are followed'),
  pretraining: pretrainingKey(1000),
  ...replayKeysWith({ randomSteps: 1000, updateEvery: 1, batch: 64, length: 3 }),
});

export type TdmpcSettings = z.infer<typeof tdmpcSettings>;

/**
 * What tables call a run: v1 has layers without norm, v2 normalised ones; and what is switched off. Where nothing but its
 * prediction of itself shapes the latent, how it is made to.
 */
export function tdmpcArm({ model, critic }: TdmpcSettings): string {
  const { shapedBy, target, predictor, distance } = model;
  const byEnds = model.continueHead && shapedBy.continue;
  if (!critic.shapesModel && !shapedBy.reward && !byEnds) {
    const how = [target, ...(predictor ? ['predictor'] : []), ...(distance === 'cosine' ? ['cosine'] : [])];
    return `self-prediction-${how.join('-')}`;
  }
  const version = model.layers === 'plain' ? 'v1' : 'v2';
  return `tdmpc-${version}${critic.shapesModel ? '' : '-unshaped'}`;
}

/** Why there is no gradient of the value heads into the model, not even one that is cut off. */
export const gradientRefusal = ({ model }: TdmpcSettings): string | undefined =>
  model.weights.value > 0 ? undefined : 'model.weights.value 0 leaves nothing of the critic; set it above 0';

/** What must hold between the keys. */
export const tdmpcRules = [
  {
    keys: ['model.simNorm', 'model.latent'] as const,
    holds: ({ model }: TdmpcSettings) => model.simNorm === 0 || model.latent % model.simNorm === 0,
    says: 'model.simNorm must divide model.latent into equal groups',
  },
  {
    keys: ['planner.policyTrajectories', 'actor.choices'] as const,
    holds: ({ planner, actor, environment }: TdmpcSettings & { environment?: string }) =>
      planner.name !== 'mppi' ||
      planner.policyTrajectories === 'auto' ||
      planner.policyTrajectories === 0 ||
      actor.choices === 'learned' ||
      environmentEntry(environment!).make().actionSpace.kind === 'box',
    says: 'planner.policyTrajectories needs an actor, which greedy choices have none of; leave it out, or set actor.choices to learned',
  },
  ...plannerRules,
  ...plannerSuits({ value: true, policy: true }),
  ...replayRules,
];
