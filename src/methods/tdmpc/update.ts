import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { toLatent } from '../../models/latent/layers.ts';
import { latentModel } from '../../models/latent/model.ts';
import type { LatentNetworks } from '../../models/latent/networks.ts';
import type { Windows } from '../../models/windows.ts';
import { adam, type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import { meanSpread, memberMean } from '../../training/reduce.ts';
import { actorLoss } from './actor-loss.ts';
import { type ModelTerms, modelLoss, modelTerms, stepWeights, targets } from './losses.ts';
import type { TdmpcSettings } from './settings.ts';
import { actingOf, type ByGroup, byGroup, GROUPS, layoutOf, mapActing, type Weights } from './weights.ts';

/** The terms of losses.csv, in order; a run reports those that it has. */
export const LOSS_TERMS = [
  'loss',
  'consistency',
  'reward',
  'value',
  'continue',
  'actor',
  'entropy',
  'target_value',
  'value_scale',
  'latent_std',
  'gradient_norm',
  'actor_gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];
export type LossTerms = Partial<Record<LossTerm, tf.Tensor>>;

/** All that is random in an update. */
export interface UpdateNoise {
  /** Which heads give the target and judge the actor: [members, 1, 2] each */
  targetPair: tf.Tensor;
  actorPair: tf.Tensor;
  /** Of actions, with a policy; read in a box alone: [members, batch · time, numbers] and [members, batch · (time + 1), numbers] */
  targetAction?: tf.Tensor;
  actorAction?: tf.Tensor;
}

/** Hyper-parameters that may differ from member to member, or change from update to update: [members, 1] each. */
export interface MemberScalars {
  /** Of model, critic and actor. */
  learningRate: tf.Tensor2D;
  encoderLearningRate: tf.Tensor2D;
  /** Rate of this update's step of the targets' average. */
  target: tf.Tensor2D;
  /** The same of the average in which evaluation plans. */
  average: tf.Tensor2D;
}

/** What an update is computed with, besides what it changes. */
export interface UpdateContext {
  networks: LatentNetworks;
  settings: TdmpcSettings;
  spaces: AgentSpaces;
}

/** A gradient of the model's losses, before clipping, and what the actor learns from. */
export interface ModelGradients {
  gradient: ByGroup<tf.Tensor2D>;
  /** z_0 … z_H: [members, batch, time + 1, latent] */
  latents: tf.Tensor4D;
  terms: LossTerms;
}

/** The parameters of encoder, model and value heads before an update, each by itself. */
export function parametersOf({ networks }: UpdateContext, { learnt }: Weights): ByGroup<tf.Tensor[]> {
  const layouts = layoutOf(networks);
  return byGroup((group) => layouts[group].split(learnt[group].parameters));
}

/** The model's losses, and what was seen on the way. */
interface ModelLosses extends Omit<ModelGradients, 'gradient'> {
  losses: ModelTerms;
}

/**
 * What computes the model's losses, to be differentiated by `split`.
 *
 * @param windows with rewards in the units that are learnt
 */
export function modelLosses(
  split: ByGroup<tf.Tensor[]>,
  { networks, settings, spaces }: UpdateContext,
  before: Weights,
  windows: Windows,
  noise: UpdateNoise,
): () => ModelLosses {
  const layouts = layoutOf(networks);
  const actor = before.actor && networks.actor?.layout.unpack(before.actor.parameters);
  const parameters = byGroup((group) => layouts[group].named(split[group]));
  const model = latentModel(networks, { ...parameters, ...(actor && { actor }) }, spaces);
  const averagedEncoder = before.target.encoder && layouts.encoder.unpack(before.target.encoder);
  const average = {
    critic: layouts.critic.unpack(before.target.critic),
    ...(actor && { actor }),
    encode:
      averagedEncoder &&
      ((observation: tf.Tensor) => {
        const { encoderLayers } = networks.settings;
        return toLatent(averagedEncoder, 'encoder', encoderLayers, observation, networks.settings, false);
      }),
  };
  const weights = stepWeights(windows, settings.rho);
  const sample = { pair: noise.targetPair, action: noise.targetAction };
  return () => {
    const wanted = stopGradient(() => targets(networks, model, average, windows, sample, settings.gamma));
    // With a gradient of its own the encoder learns to be predicted, too.
    const arrived =
      settings.model.target === 'unstopped'
        ? (model.encode(windows.nextObservation) as tf.Tensor4D)
        : wanted.latent;
    const ofWindows = { ...wanted, latent: arrived };
    const of = modelTerms(networks, model, parameters.critic, windows, ofWindows, weights, settings);
    return {
      losses: of.terms,
      latents: of.latents,
      terms: {
        ...of.terms,
        target_value: stopGradient(() => memberMean(wanted.value)),
        latent_std: stopGradient(() => meanSpread(wanted.latent)),
      },
    };
  };
}

/** @param windows with rewards in the units that are learnt */
export function modelGradients(
  context: UpdateContext,
  before: Weights,
  windows: Windows,
  noise: UpdateNoise,
): ModelGradients {
  const layouts = layoutOf(context.networks);
  const split = parametersOf(context, before);
  const compute = modelLosses(split, context, before, windows, noise);
  let seen: Omit<ModelGradients, 'gradient'> | undefined;
  const loss = (): tf.Scalar => {
    const { losses, latents, terms } = compute();
    const total = modelLoss(losses, context.settings);
    seen = { latents: tf.keep(latents), terms: { loss: total, ...terms } };
    for (const term of Object.values(seen.terms)) tf.keep(term);
    return tf.sum(total);
  };
  const { value, grads } = tf.valueAndGrads(loss)(GROUPS.flatMap((group) => split[group]));
  value.dispose();
  const rest = [...grads];
  const gradient = byGroup((group) => layouts[group].join(rest.splice(0, split[group].length)));
  return { gradient, ...seen! };
}

/**
 * One update, in TD-MPC2's order: the model with its value heads, the actor on the latents of the model before with the
 * heads after it, then the averages.
 */
export function learn(
  context: UpdateContext,
  before: Weights,
  windows: Windows,
  noise: UpdateNoise,
  correction: BiasCorrection,
  scalars: MemberScalars,
): { weights: Weights; terms: LossTerms } {
  const { settings, networks } = context;
  const { gradientClip } = settings.optimizer;
  const { gradient, latents, terms } = modelGradients(context, before, windows, noise);
  const squares = GROUPS.map((group) => tf.square(globalNorm(gradient[group])));
  const norm = tf.sqrt(tf.addN(squares)) as tf.Tensor2D;
  const learnt = byGroup((group): Optimised => {
    const { parameters, moments } = before.learnt[group];
    const rate = group === 'encoder' ? scalars.encoderLearningRate : scalars.learningRate;
    return adam(parameters, gradient[group], norm, moments, correction, rate, gradientClip);
  });
  const acting =
    before.actor && actorStep(context, before, learnt, { latents, windows, noise }, correction, scalars);
  // Kept beyond the scope of its gradient.
  latents.dispose();
  const optimised = { learnt, ...(acting && { actor: acting.actor }) };
  const trained = actingOf(optimised);
  const after = {
    ...optimised,
    target: {
      critic: movingAverage(before.target.critic, learnt.critic.parameters, scalars.target),
      ...(before.target.encoder && {
        encoder: movingAverage(before.target.encoder, learnt.encoder.parameters, scalars.target),
      }),
    },
    scale: acting?.scale ?? tf.clone(before.scale),
    ...(before.average && {
      average: mapActing(before.average, (average, name) =>
        movingAverage(average, trained[name]!, scalars.average),
      ),
    }),
  };
  return {
    weights: after,
    terms: {
      ...terms,
      ...acting?.terms,
      ...(networks.actor && settings.actor.scaled && { value_scale: tf.squeeze(tf.clone(after.scale), [1]) }),
      gradient_norm: tf.squeeze(norm, [1]),
      weight_norm: tf.squeeze(globalNorm(tf.concat(Object.values(trained), 1)), [1]),
    },
  };
}

/** One step of the actor. */
function actorStep(
  { networks, settings }: UpdateContext,
  { actor: before, scale }: Weights,
  learnt: ByGroup<Optimised>,
  { latents, windows, noise }: { latents: tf.Tensor4D; windows: Windows; noise: UpdateNoise },
  correction: BiasCorrection,
  { learningRate }: MemberScalars,
): { actor: Optimised; scale: tf.Tensor2D; terms: LossTerms } {
  const { layout } = networks.actor!;
  const split = layout.split(before!.parameters);
  const critic = networks.criticLayout.unpack(learnt.critic.parameters);
  const { mask } = stepWeights(windows, settings.rho);
  const sample = { pair: noise.actorPair, action: noise.actorAction };
  let seen: { scale: tf.Tensor2D; terms: LossTerms } | undefined;
  const loss = (): tf.Scalar => {
    const actor = layout.named(split);
    const of = actorLoss(networks, { critic, actor }, latents, mask, sample, scale, settings);
    seen = {
      scale: tf.keep(of.scale),
      terms: { actor: of.loss, ...(of.entropy && { entropy: of.entropy }) },
    };
    for (const term of Object.values(seen.terms)) tf.keep(term);
    return tf.sum(of.loss);
  };
  const { value, grads } = tf.valueAndGrads(loss)(split);
  value.dispose();
  const { gradientClip, actorEpsilon } = settings.optimizer;
  const gradient = layout.join(grads);
  const step = descend(before!, gradient, correction, learningRate, gradientClip, actorEpsilon);
  return {
    actor: step.learnt,
    scale: seen!.scale,
    terms: { ...seen!.terms, actor_gradient_norm: step.terms.gradient_norm },
  };
}
