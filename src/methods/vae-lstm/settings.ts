import { z } from 'zod';
import { lineOf } from '../../training/schedule.ts';
import {
  fraction,
  imageEncoder,
  imageLoss,
  nonNegative,
  positive,
  positiveInteger,
  replayKeys,
  widths,
} from '../fields.ts';
import type { Rule } from '../rules.ts';

/** How GradNorm balances: gradnorm.ts has the symbols. */
const gradNormKeys = z.strictObject({
  alpha: nonNegative
    .default(0.12)
    .describe('how much the loss that has fallen less pulls, α; 0: both gradients are to be equally large'),
  learningRate: positive.default(0.025).describe('step size of the logarithm of the weight'),
  bound: z
    .number()
    .min(1)
    .max(1e6)
    .default(10_000)
    .describe('the weight stays within lambda divided and multiplied by this'),
});

/** The VAE + LSTM world model's own config keys; the four arms are the two switches under `critic`. */
export const vaeLstmSettings = z.strictObject({
  beta: lineOf(nonNegative, { from: 1.0, to: 0.1, over: 10_000 }).describe(
    'KL weight β: a number, or {from, to, over} in environment steps',
  ),
  lambda: nonNegative.default(0.5).describe('critic weight λ'),
  gamma: z.number().min(0).lt(1).default(0.99).describe('discount γ per environment step'),
  horizon: positiveInteger.max(1000).default(15).describe('imagination horizon H in steps'),
  imaginationStarts: positiveInteger
    .max(65_536)
    .default(64)
    .describe('start states N of the imagined trajectories per update'),
  learningRate: positive.default(1e-3).describe('Adam step size of world model and critic'),
  gradientClip: positive.default(10).describe('largest global gradient norm, for model and actor each'),
  policyAverage: fraction
    .default(0.001)
    .describe('least rate of the polynomial-decay average of encoder and actor that evaluation plays'),
  model: z
    .strictObject({
      latent: positiveInteger.max(4096).default(32).describe('dimensions of the latent z'),
      hidden: widths.default([64, 64]).describe('hidden layers of encoder, decoder and continue head'),
      lstm: positiveInteger.max(8192).default(128).describe('LSTM units'),
      reconstructionWeight: nonNegative.default(50).describe('weight of both reconstruction terms'),
      imageLoss,
      latentWeight: nonNegative.default(1).describe('weight of |ẑ′ − sg(μ′)|²'),
      continueHead: z.boolean().default(true).describe('predict termination; off: imagination never ends'),
    })
    .prefault({})
    .describe('the world model'),
  encoder: imageEncoder.describe(
    "what images go through before the encoder's hidden layers, and back behind the decoder's",
  ),
  critic: z
    .strictObject({
      shapesModel: z.boolean().default(true).describe("the critic's gradient reaches encoder and LSTM"),
      bootstrapsActor: z.boolean().default(true).describe('the critic ends the imagined return'),
      balance: z
        .enum(['fixed', 'uncertainty', 'gradnorm'])
        .default('fixed')
        .describe(
          "the critic's weight: λ as it is, or learnt from it on, by the uncertainty of both losses (Kendall et al. 2018) or by the norms of their gradients in the model (GradNorm, Chen et al. 2018)",
        ),
      gradNorm: gradNormKeys.optional().describe('of balance: gradnorm alone'),
      hidden: widths.default([64, 64]).describe('hidden layers of the critic'),
      targetRate: fraction.default(0.1).describe('rate per update of the moving average V̄'),
      boundedTarget: z
        .boolean()
        .default(true)
        .describe("V̄ is clipped to the values that the environment's rewards allow"),
      returnLambda: fraction.default(0.95).describe('λ of the λ-return (not the critic weight)'),
      terminalMask: z.boolean().default(true).describe('a termination masks the bootstrap in the target'),
      stopGradient: z
        .boolean()
        .default(true)
        .describe('the target is a constant from V̄; off: the online V, with gradients into both sides'),
    })
    .overwrite((critic) =>
      critic.balance === 'gradnorm'
        ? { ...critic, gradNorm: critic.gradNorm ?? gradNormKeys.parse({}) }
        : critic,
    )
    .prefault({})
    .describe('the dream critic'),
  actor: z
    .strictObject({
      hidden: widths.default([64, 64]).describe('hidden layers of the actor'),
      learningRate: positive.default(3e-4).describe('Adam step size of the actor'),
      entropy: nonNegative.default(1e-3).describe('weight of the entropy bonus'),
      returnRangeFloor: positive
        .default(0.01)
        .describe('least divisor of the advantage (range of returns P95 − P5)'),
    })
    .prefault({})
    .describe('the actor'),
  ...replayKeys,
});

export type VaeLstmSettings = z.infer<typeof vaeLstmSettings>;

/** A weight is learnt of a critic that there is, from one that is not 0. */
export const balanceRules: readonly Rule<VaeLstmSettings>[] = [
  {
    keys: ['critic.balance', 'critic.shapesModel', 'critic.bootstrapsActor'],
    holds: ({ critic }) => critic.balance === 'fixed' || critic.shapesModel || critic.bootstrapsActor,
    says: 'critic.balance weighs the critic, and this arm has none; set a switch of it, or balance: fixed',
  },
  {
    keys: ['critic.balance', 'lambda'],
    holds: ({ critic, lambda }) => critic.balance === 'fixed' || lambda > 0,
    says: 'critic.balance begins at lambda, which must be above 0',
  },
  {
    keys: ['critic.balance', 'critic.shapesModel'],
    holds: ({ critic }) => critic.balance !== 'gradnorm' || critic.shapesModel,
    says: "critic.balance: gradnorm weighs the critic's gradient into the model, and this arm cuts it off; set critic.shapesModel, or another balance",
  },
  {
    keys: ['critic.gradNorm', 'critic.balance'],
    holds: ({ critic }) => critic.balance === 'gradnorm' || critic.gradNorm === undefined,
    says: 'critic.gradNorm is of critic.balance: gradnorm alone; set that, or leave it out',
  },
];

/** Why there is no gradient of the critic into the model, not even one that is cut off. */
export function gradientRefusal({ critic, lambda }: VaeLstmSettings): string | undefined {
  if (!critic.shapesModel && !critic.bootstrapsActor) return 'this arm has no critic; set a switch of it';
  return lambda > 0 ? undefined : 'lambda 0 leaves nothing of the critic; set it above 0';
}

/** What makes each arm: the switches that its name sets in a config. */
export const arms = {
  baseline: { 'critic.shapesModel': false, 'critic.bootstrapsActor': false },
  'shape-only': { 'critic.shapesModel': true, 'critic.bootstrapsActor': false },
  'bootstrap-only': { 'critic.shapesModel': false, 'critic.bootstrapsActor': true },
  'dream-critic': { 'critic.shapesModel': true, 'critic.bootstrapsActor': true },
  literal: { 'model.continueHead': false, 'critic.terminalMask': false, 'critic.stopGradient': false },
};

/** The arm's name, from the two switches; the literal equations are an arm of their own. */
export function arm(settings: VaeLstmSettings): string {
  const { shapesModel, bootstrapsActor, terminalMask, stopGradient } = settings.critic;
  const balanced = settings.critic.balance === 'fixed' ? '' : `-${settings.critic.balance}`;
  if (!settings.model.continueHead && !terminalMask && !stopGradient) return `literal${balanced}`;
  if (shapesModel) return (bootstrapsActor ? 'dream-critic' : 'shape-only') + balanced;
  return bootstrapsActor ? `bootstrap-only${balanced}` : 'baseline';
}
