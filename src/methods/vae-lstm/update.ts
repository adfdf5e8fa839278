import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { sequenceStates } from '../../models/lstm-memory.ts';
import type { PolicyHead } from '../../models/policy-head.ts';
import { rollOut } from '../../models/roll-out.ts';
import type { VaeShape } from '../../models/vae/vae.ts';
import type { VaeLstm } from '../../models/vae-lstm/model.ts';
import type { Windows } from '../../models/windows.ts';
import { type Behaviour, type Imagination, statesAt } from '../../models/world-model.ts';
import { type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import { memberMean, weightedSum } from '../../training/reduce.ts';
import { balancedLoss } from './balance.ts';
import { factorOf, type GradNormState, gradientNorms, gradNormStep, scaledInference } from './gradnorm.ts';
import { advantages, type ImaginedReturns, imaginedReturns } from './imagination.ts';
import { baseLoss, baseTerms, criticLoss, type Inference, imaginedCriticLoss, infer } from './losses.ts';
import { type Networks, targetCritic, type ValueFunction, type Weights, worldModel } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';

/** The terms of losses.csv, in order; an arm reports those that it has. */
export const LOSS_TERMS = [
  'loss',
  'reconstruction',
  'predicted_reconstruction',
  'latent_consistency',
  'kl',
  'beta',
  'reward',
  'continue',
  'critic',
  'effective_lambda',
  'imagined_critic',
  'actor',
  'entropy',
  'imagined_return',
  'continue_probability',
  'gradient_norm',
  'actor_gradient_norm',
  'weight_norm',
] as const;

/** Those that stand in losses.csv: the learnt weight where there is one. */
export const lossTerms = ({ critic }: VaeLstmSettings): LossTerm[] =>
  LOSS_TERMS.filter((term) => term !== 'effective_lambda' || critic.balance !== 'fixed');

export type LossTerm = (typeof LOSS_TERMS)[number];
export type LossTerms = Partial<Record<LossTerm, tf.Tensor>>;

/** Hyper-parameters that may differ from member to member. */
export interface MemberScalars {
  /** [members] */
  beta: tf.Tensor1D;
  lambda: tf.Tensor1D;
  entropy: tf.Tensor1D;
  /** [members, 1] */
  learningRate: tf.Tensor2D;
  actorLearningRate: tf.Tensor2D;
  /** Rate of this update's step of the policy average. */
  policyAverage: tf.Tensor2D;
}

/** All that is random in an update. */
export interface UpdateNoise {
  /** ε of the posterior samples: [members, batch, 2 · time, latent] */
  posterior: tf.Tensor;
  /** Start states of the imagination, as indices into members × batch × time: [members, starts], int32 */
  starts: tf.Tensor;
  /** What imagined actions come from, for `horizon` steps. */
  behaviour: Behaviour;
}

/** The gradient of everything the arm learns, and what was seen on the way. */
export interface Gradients {
  /** [members, size] */
  model: tf.Tensor2D;
  actor: tf.Tensor2D;
  /** After GradNorm's step. */
  gradNorm?: GradNormState | undefined;
  terms: LossTerms;
}

/** A loss of the members with its weight: a number, or one of each member. */
type WeightedLoss = [tf.Tensor1D, tf.Tensor1D | number];

/**
 * What the world model learns from real transitions, [members]:
 *
 *   L_dream = L_base + λ L_critic, or balanced by what each is uncertain of: `balancedLoss`
 *
 * @param target V̄; undefined for an arm without a critic
 * @param noise ε of the posterior samples
 * @param factor what the critic's gradient into the model is multiplied by besides, GradNorm's f; the term `loss` has it
 *   too, and the critic's own parameters do not. [members]
 * @returns also what gives the weights of L_base and L_critic, constants
 */
export function modelLoss(
  parameters: Parameters,
  vae: VaeShape,
  target: ValueFunction | undefined,
  windows: Windows,
  noise: tf.Tensor,
  { beta, lambda }: Pick<MemberScalars, 'beta' | 'lambda'>,
  settings: VaeLstmSettings,
  factor?: tf.Tensor1D,
): {
  loss: tf.Tensor1D;
  terms: LossTerms;
  inference: Inference;
  weights: () => Record<'base' | 'critic', tf.Tensor1D | number>;
} {
  const { terms, inference } = baseTerms(parameters, vae, windows, noise, settings);
  const base = baseLoss(terms, beta, settings);
  const unbalanced = () => ({ base: 1, critic: lambda });
  if (!target) return { loss: base, terms: { ...terms, beta, loss: base }, inference, weights: unbalanced };
  const seen = factor ? scaledInference(inference, factor) : inference;
  const critic = criticLoss(parameters, target, windows, seen, settings);
  if (settings.critic.balance === 'uncertainty') {
    const { loss, weight, weights } = balancedLoss(parameters, base, critic, lambda);
    return { loss, terms: { ...terms, beta, critic, effective_lambda: weight, loss }, inference, weights };
  }
  const weighed = (weight: tf.Tensor1D) =>
    weightedSum([
      [base, 1],
      [critic, weight],
    ]);
  const loss = weighed(lambda);
  if (factor) {
    const weight = stopGradient(() => tf.mul(lambda, factor) as tf.Tensor1D);
    const balanced = stopGradient(() => weighed(weight));
    return {
      loss,
      terms: { ...terms, beta, critic, effective_lambda: weight, loss: balanced },
      inference,
      weights: unbalanced,
    };
  }
  return { loss, terms: { ...terms, beta, critic, loss }, inference, weights: unbalanced };
}

/** Imagined trajectories with what actor and critic learn from; constants but `value`. */
export interface ActorCriticInputs extends Pick<ImaginedReturns, 'weight' | 'lambdaReturns'> {
  imagination: Imagination;
  /** V(sg z_t): [members, starts, horizon]; undefined for an arm without a critic */
  value: tf.Tensor | undefined;
  /** A_t: [members, starts, horizon] */
  advantage: tf.Tensor3D;
}

/**
 * What actor and critic learn from imagined states:
 *
 *   L_actor  (+ λ w (V(sg z) − R)², for V alone)
 *
 * @returns each loss with its weight, and the terms seen on the way
 */
export function imaginedLosses(
  model: Pick<VaeLstm, 'policy'>,
  head: PolicyHead,
  { imagination, value, advantage, weight, lambdaReturns }: ActorCriticInputs,
  behaviour: Behaviour,
  scalars: Pick<MemberScalars, 'lambda' | 'entropy'>,
): { losses: WeightedLoss[]; terms: LossTerms } {
  const losses: WeightedLoss[] = [];
  const terms: LossTerms = {};
  if (value && lambdaReturns) {
    const critic = imaginedCriticLoss(weight, value, lambdaReturns);
    losses.push([critic, scalars.lambda]);
    terms.imagined_critic = critic;
  }
  const { loss, entropy } = head.loss(model.policy(imagination.features), {
    action: imagination.action,
    noise: 'noise' in behaviour ? behaviour.noise : undefined,
    weight,
    advantage,
    entropyWeight: scalars.entropy,
  });
  losses.push([loss, 1]);
  return { losses, terms: { ...terms, actor: loss, entropy } };
}

/**
 * The gradients of one update, before clipping. Model and actor have disjoint parameters and imagination stops every
 * gradient between them, so one backward pass over the sum of all losses serves both.
 *
 * `inspect`, if given, sees the tensors in between (tests compare them with other implementations).
 */
export function gradients(
  networks: Networks,
  weights: Pick<Weights, 'model' | 'actor' | 'target' | 'gradNorm'>,
  windows: Windows,
  { posterior, starts, behaviour }: UpdateNoise,
  scalars: MemberScalars,
  settings: VaeLstmSettings,
  inspect?: (tensors: Record<string, tf.Tensor>) => void,
): Gradients {
  const target = weights.target && targetCritic(networks, weights.target, settings);
  const factor = weights.gradNorm && factorOf(weights.gradNorm);
  let terms: LossTerms = {};

  // Differentiated by each parameter: splitting the flat tensors would only add to the tape.
  const modelParameters = networks.model.split(weights.model.parameters);
  const actorParameters = networks.actor.split(weights.actor.parameters);
  const parameters = networks.model.named(modelParameters);
  const model = worldModel(networks, settings, parameters, networks.actor.named(actorParameters));
  const loss = (): tf.Scalar => {
    const real = modelLoss(parameters, networks.vae, target, windows, posterior, scalars, settings, factor);
    const { inference } = real;
    const states = () => sequenceStates(inference.mean, inference, windows.first);
    const imagination = stopGradient(() => rollOut(model, statesAt(states(), starts), behaviour));
    const value = model.value?.(imagination.features, undefined, false);
    const imagined = stopGradient(() => {
      const returns = imaginedReturns(model, target, imagination, settings);
      return { ...returns, advantage: advantages(returns.returns, value, settings) };
    });
    const { losses, terms: ofImagined } = imaginedLosses(
      model,
      networks.head,
      { imagination, value, ...imagined },
      behaviour,
      scalars,
    );
    terms = {
      ...real.terms,
      ...ofImagined,
      imagined_return: stopGradient(() => memberMean(imagined.returns)),
      continue_probability: stopGradient(() => memberMean(imagined.continueProbability)),
    };
    if (inspect) {
      const { hidden: hiddenBefore, cell: cellBefore } = states();
      const { lambdaReturns: _, ...ofReturns } = imagined;
      const { features: imaginedFrom, nextFeatures: imaginedLatent } = imagination;
      inspect({
        ...inference,
        hiddenBefore,
        cellBefore,
        imaginedFrom,
        imaginedLatent,
        ...ofReturns,
        ...(value && { value }),
      });
    }
    for (const term of Object.values(terms)) tf.keep(term);
    return tf.sum(weightedSum([[real.loss, 1], ...losses]));
  };

  const { value: total, grads } = tf.valueAndGrads(loss)([...modelParameters, ...actorParameters]);
  total.dispose();
  const ofModel = grads.slice(0, modelParameters.length);
  const gradNorm = () => {
    const weight = terms.effective_lambda as tf.Tensor1D;
    const [base, critic] = gradientNorms(networks.model, modelParameters, ofModel, weight, () => {
      const { inference } = infer(parameters, networks.vae, windows, posterior);
      return tf.sum(criticLoss(parameters, target!, windows, inference, settings));
    });
    const ofBase = baseLoss(terms as Record<string, tf.Tensor1D>, scalars.beta, settings);
    return gradNormStep(
      weights.gradNorm!,
      [ofBase, terms.critic as tf.Tensor1D],
      [base, tf.mul(critic, weight)],
      settings.critic.gradNorm!,
    );
  };
  return {
    model: networks.model.join(ofModel),
    actor: networks.actor.join(grads.slice(modelParameters.length)),
    gradNorm: weights.gradNorm && gradNorm(),
    terms,
  };
}

/** The weights after one clipped Adam step each and one step of every moving average. */
export function applyGradients(
  networks: Networks,
  weights: Weights,
  { model: modelGradient, actor: actorGradient, gradNorm, terms }: Gradients,
  correction: BiasCorrection,
  scalars: MemberScalars,
  settings: VaeLstmSettings,
): { weights: Weights; terms: LossTerms } {
  const { gradientClip } = settings;
  const { policyAverage } = scalars;
  const step = (before: Optimised, gradient: tf.Tensor2D, learningRate: tf.Tensor2D) =>
    descend(before, gradient, correction, learningRate, gradientClip);
  const ofModel = step(weights.model, modelGradient, scalars.learningRate);
  const ofActor = step(weights.actor, actorGradient, scalars.actorLearningRate);
  const [model, actor] = [ofModel.learnt, ofActor.learnt];
  const slice = (name: string) => networks.model.slice(model.parameters, name);
  return {
    weights: {
      model,
      actor,
      gradNorm: gradNorm ?? weights.gradNorm,
      target: weights.target && movingAverage(weights.target, slice('critic'), settings.critic.targetRate),
      averageEncoder: movingAverage(weights.averageEncoder, slice('encoder'), policyAverage),
      averageActor: movingAverage(weights.averageActor, actor.parameters, policyAverage),
    },
    terms: {
      ...terms,
      gradient_norm: ofModel.terms.gradient_norm,
      actor_gradient_norm: ofActor.terms.gradient_norm,
      weight_norm: tf.squeeze(globalNorm(tf.concat([model.parameters, actor.parameters], 1)), [1]),
    },
  };
}
