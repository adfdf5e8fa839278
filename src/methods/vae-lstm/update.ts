import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { policyOutput } from '../../models/actor.ts';
import { type Behaviour, rollOut } from '../../models/roll-out.ts';
import { type DynamicsState, stateBefore, vaeLstmDynamics } from '../../models/vae-lstm/dynamics.ts';
import { value } from '../../models/vae-lstm/heads.ts';
import { adam, type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { memberMean, weightedSum } from '../../training/reduce.ts';
import { imaginedReturns } from './imagination.ts';
import {
  actorLoss,
  baseLoss,
  baseTerms,
  criticLoss,
  type Inference,
  imaginedCriticLoss,
  squashedActorLoss,
  type Windows,
} from './losses.ts';
import { type Networks, targetCritic, type Weights } from './networks.ts';
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
  'imagined_critic',
  'actor',
  'entropy',
  'imagined_return',
  'continue_probability',
  'gradient_norm',
  'actor_gradient_norm',
  'weight_norm',
] as const;

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
  behaviour: (actor: Parameters) => Behaviour;
}

/** The gradient of everything the arm learns, and what was seen on the way. */
export interface Gradients {
  /** [members, size] */
  model: tf.Tensor2D;
  actor: tf.Tensor2D;
  terms: LossTerms;
}

/** The start states (μ, h, c) at the given steps of the windows: [members, starts, …]. */
function startStates(inference: Inference, first: tf.Tensor3D, starts: tf.Tensor): DynamicsState {
  const pick = (x: tf.Tensor) => {
    const rows = tf.reshape(x, [-1, x.shape.at(-1)!]);
    return tf.gather(rows, starts) as tf.Tensor3D;
  };
  return {
    latent: pick(inference.mean),
    hidden: pick(stateBefore(inference.hidden, first)),
    cell: pick(stateBefore(inference.cell, first)),
  };
}

/**
 * The gradients of one update, before clipping. Model and actor have disjoint parameters and imagination stops every
 * gradient between them, so one backward pass over the sum of all losses serves both:
 *
 *   model:  L_dream = L_base + λ L_critic  (+ λ w (V(sg z) − R)² on imagined states, for V alone)
 *   actor:  L_actor
 *
 * `observe`, if given, sees the tensors in between (tests compare them with other implementations).
 */
export function gradients(
  networks: Networks,
  weights: Pick<Weights, 'model' | 'actor' | 'target'>,
  windows: Windows,
  noise: UpdateNoise,
  scalars: MemberScalars,
  settings: VaeLstmSettings,
  observe?: (tensors: Record<string, tf.Tensor>) => void,
): Gradients {
  const target = weights.target && targetCritic(networks, weights.target, settings);
  let terms: LossTerms = {};

  // Differentiated by each parameter: splitting the flat tensors would only add to the tape.
  const modelParameters = networks.model.split(weights.model);
  const actorParameters = networks.actor.split(weights.actor);
  const model = networks.model.named(modelParameters);
  const actor = networks.actor.named(actorParameters);
  const loss = (): tf.Scalar => {
    const { terms: base, inference } = baseTerms(model, windows, noise.posterior, settings);
    let modelLoss = baseLoss(base, scalars.beta, settings);
    terms = { ...base, beta: scalars.beta };
    if (target) {
      const critic = criticLoss(model, target, windows, inference, settings);
      modelLoss = weightedSum([
        [modelLoss, 1],
        [critic, scalars.lambda],
      ]);
      terms.critic = critic;
    }
    terms.loss = modelLoss;
    const losses: [tf.Tensor1D, tf.Tensor1D | number][] = [[modelLoss, 1]];

    const behaviour = noise.behaviour(actor);
    const imagination = stopGradient(() => {
      const start = startStates(inference, windows.first, noise.starts);
      return rollOut(vaeLstmDynamics(model), start, behaviour);
    });
    const valueOfLatent = target && value(model, settings.critic.hidden.length, imagination.latent, false);
    const imagined = stopGradient(() => imaginedReturns(model, target, imagination, valueOfLatent, settings));
    if (valueOfLatent && imagined.lambdaReturns) {
      const critic = imaginedCriticLoss(imagined.weight, valueOfLatent, imagined.lambdaReturns);
      losses.push([critic, scalars.lambda]);
      terms.imagined_critic = critic;
    }

    const output = policyOutput(actor, settings.actor.hidden.length, imagination.latent);
    const { weight, advantage } = imagined;
    const { loss: policyLoss, entropy } =
      'actor' in behaviour && behaviour.actionSpace.kind === 'box'
        ? squashedActorLoss(output, behaviour.noise, weight, advantage, scalars.entropy)
        : actorLoss(tf.logSoftmax(output), imagination.action, weight, advantage, scalars.entropy);
    losses.push([policyLoss, 1]);
    terms.actor = policyLoss;
    terms.entropy = entropy;
    terms.imagined_return = stopGradient(() => memberMean(imagined.returns));
    terms.continue_probability = stopGradient(() => memberMean(imagined.continueProbability));
    observe?.({
      ...inference,
      hiddenBefore: stateBefore(inference.hidden, windows.first),
      cellBefore: stateBefore(inference.cell, windows.first),
      imaginedFrom: imagination.latent,
      imaginedLatent: imagination.nextLatent,
      weight: imagined.weight,
      continueProbability: imagined.continueProbability,
      returns: imagined.returns,
      advantage: imagined.advantage,
      ...(valueOfLatent && { value: valueOfLatent }),
    });
    for (const term of Object.values(terms)) tf.keep(term);
    return tf.sum(weightedSum(losses));
  };

  const { value: total, grads } = tf.valueAndGrads(loss)([...modelParameters, ...actorParameters]);
  total.dispose();
  return {
    model: networks.model.join(grads.slice(0, modelParameters.length)),
    actor: networks.actor.join(grads.slice(modelParameters.length)),
    terms,
  };
}

/** The weights after one clipped Adam step each and one step of every moving average. */
export function applyGradients(
  networks: Networks,
  weights: Weights,
  { model: modelGradient, actor: actorGradient, terms }: Gradients,
  correction: BiasCorrection,
  scalars: MemberScalars,
  settings: VaeLstmSettings,
): { weights: Weights; terms: LossTerms } {
  const { gradientClip } = settings;
  const { policyAverage } = scalars;
  const modelNorm = globalNorm(modelGradient);
  const actorNorm = globalNorm(actorGradient);
  const model = adam(
    weights.model,
    modelGradient,
    modelNorm,
    weights.modelMoments,
    correction,
    scalars.learningRate,
    gradientClip,
  );
  const actor = adam(
    weights.actor,
    actorGradient,
    actorNorm,
    weights.actorMoments,
    correction,
    scalars.actorLearningRate,
    gradientClip,
  );
  const slice = (name: string) => networks.model.slice(model.parameters, name);
  return {
    weights: {
      model: model.parameters,
      modelMoments: model.moments,
      actor: actor.parameters,
      actorMoments: actor.moments,
      target: weights.target && movingAverage(weights.target, slice('critic'), settings.critic.targetRate),
      averageEncoder: movingAverage(weights.averageEncoder, slice('encoder'), policyAverage),
      averageActor: movingAverage(weights.averageActor, actor.parameters, policyAverage),
    },
    terms: {
      ...terms,
      gradient_norm: tf.squeeze(modelNorm, [1]),
      actor_gradient_norm: tf.squeeze(actorNorm, [1]),
      weight_norm: tf.squeeze(globalNorm(tf.concat([model.parameters, actor.parameters], 1)), [1]),
    },
  };
}
