import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { policyKl, policyLogProbability } from '../../models/policy-likelihood.ts';
import type { BiasCorrection } from '../../nn/adam.ts';
import { twoHotLoss, twoHotMean } from '../../nn/two-hot.ts';
import { gradientOf } from '../../training/gradient.ts';
import { descend, type Optimised } from '../../training/optimise.ts';
import { memberSum, perMember } from '../../training/reduce.ts';
import { lambdaReturn } from '../../training/returns.ts';
import { type ImaginedEpisode, modelOf } from './imagination.ts';
import { dynamicsLoss, type ForcingInputs, type HeadTargets, headLosses } from './losses.ts';
import { type MaskedImages, maskedAutoencodingLoss } from './masked-autoencoding.ts';
import { type Networks, nearest, SCALED_LOSSES, type ScaledLoss, valueLogits } from './networks.ts';
import { pmpoLoss } from './pmpo.ts';
import { REPORTS } from './reports.ts';
import { byRunningRms, runningSquares } from './running-rms.ts';
import type { Dreamer4Settings } from './settings.ts';

/** The terms of losses.csv, in order. */
export const LOSS_TERMS = [
  ...['reconstruction', 'dynamics', ...REPORTS, 'policy', 'reward', 'continue'],
  ...['pmpo', 'kl', 'positive_share', 'value_loss', 'value', 'return_error', 'alive_share'],
  ...['gradient_norm', 'weight_norm', 'value_gradient_norm'],
] as const;
export type LossTerm = (typeof LOSS_TERMS)[number];

/** Those of a method with a tokenizer, or without one. */
export const lossTermsOf = ({ tokenizer }: Networks): LossTerm[] =>
  LOSS_TERMS.filter((name) => tokenizer || name !== 'reconstruction');

type LossTerms = Partial<Record<LossTerm, tf.Tensor>>;

/** What every gradient step takes. */
interface StepInputs {
  correction: BiasCorrection;
  /** [members, 1] */
  learningRate: tf.Tensor2D;
}

export interface TokenizerInputs extends StepInputs {
  tokenizer: Optimised;
  images: MaskedImages;
}

/** An update of the tokenizer of images. */
export function learnTokenizer(networks: Networks, settings: Dreamer4Settings, inputs: TokenizerInputs) {
  const { tokenizer, images, correction, learningRate } = inputs;
  const { layout, shape } = networks.tokenizer!;
  const { gradient, terms } = gradientOf(tokenizer.parameters, (flat) => {
    const loss = maskedAutoencodingLoss(layout.unpack(flat), shape, images);
    return { loss, terms: { reconstruction: loss } as LossTerms };
  });
  const step = descend(tokenizer, gradient, correction, learningRate, settings.optimizer.gradientClip);
  return { tokenizer: step.learnt, terms: { ...terms, ...step.terms } as LossTerms };
}

export interface DynamicsInputs extends StepInputs {
  world: Optimised;
  latent: tf.Tensor2D;
  forcing: ForcingInputs;
}

/** One row of [members, reports] by name. */
const reportTerms = (reported: tf.Tensor): LossTerms =>
  Object.fromEntries(tf.unstack(reported, 1).map((value, i) => [REPORTS[i]!, value]));

/** An update of the dynamics alone. */
export function learnDynamics(networks: Networks, settings: Dreamer4Settings, inputs: DynamicsInputs) {
  const { world, latent, forcing, correction, learningRate } = inputs;
  const { gradient, terms } = gradientOf(world.parameters, (flat) => {
    const model = modelOf(networks, { world: flat, latent });
    const { loss, reported } = dynamicsLoss(model, forcing, false);
    return { loss, terms: { dynamics: loss, ...reportTerms(reported) } as LossTerms };
  });
  const step = descend(world, gradient, correction, learningRate, settings.optimizer.gradientClip);
  return { world: step.learnt, terms: { ...terms, ...step.terms } as LossTerms };
}

export interface AgentInputs extends DynamicsInputs {
  heads: HeadTargets;
  /** [members, losses] */
  lossSquares: tf.Tensor2D;
  /** 1 / (1 − decayⁿ) */
  rmsCorrection: tf.Tensor;
}

/** An update of dynamics and heads, each loss divided by its running RMS. The policy is then that of the head. */
export function learnAgent(networks: Networks, settings: Dreamer4Settings, inputs: AgentInputs) {
  const { world, latent, forcing, heads, correction, learningRate } = inputs;
  const { gradientClip, rmsDecay } = settings.optimizer;
  const inOrder = (losses: Record<ScaledLoss, tf.Tensor>) =>
    tf.stack(
      SCALED_LOSSES.map((name) => losses[name]),
      1,
    );
  const squaresWith = (losses: tf.Tensor) =>
    stopGradient(() => runningSquares(losses, inputs.lossSquares, rmsDecay));
  const { gradient, terms } = gradientOf(world.parameters, (flat) => {
    const model = modelOf(networks, { world: flat, latent });
    const { loss: dynamics, reported, agent } = dynamicsLoss(model, forcing, true);
    const own = { dynamics, ...headLosses(networks, model.parameters, agent!, heads) };
    const losses = inOrder(own);
    const loss = memberSum(byRunningRms(losses, squaresWith(losses), inputs.rmsCorrection));
    return { loss, terms: { ...own, ...reportTerms(reported) } };
  });
  const step = descend(world, gradient, correction, learningRate, gradientClip);
  return {
    world: step.learnt,
    policy: networks.world.slice(step.learnt.parameters, 'policy'),
    lossSquares: squaresWith(inOrder(terms)) as tf.Tensor2D,
    terms: { ...terms, ...step.terms } as LossTerms,
  };
}

export interface ImaginationInputs extends ImaginedEpisode {
  policy: Optimised;
  value: Optimised;
  /** The policy of the phase before: [members, size] */
  prior: tf.Tensor2D;
  correction: BiasCorrection;
  /** [members, 1] each */
  learningRates: { policy: tf.Tensor2D; value: tf.Tensor2D };
  /** [members, 1, 1] */
  gamma: tf.Tensor;
  /** [members] each */
  alpha: tf.Tensor1D;
  beta: tf.Tensor1D;
}

/** An update of policy and value by what was imagined; the transformer stands still. */
export function learnImagined(networks: Networks, settings: Dreamer4Settings, inputs: ImaginationInputs) {
  const { policy, value, prior, agent, taken, reward, goesOn, correction, learningRates } = inputs;
  const [members, starts, frames, width] = agent.shape as [number, number, number, number];
  const horizon = frames - 1;
  const { gradientClip } = settings.optimizer;
  const { space } = networks.head;
  const judged = tf.slice(agent, [0, 0, 0, 0], [members, starts, horizon, width]);
  const rows = (x: tf.Tensor) => tf.reshape(x, [members, starts * horizon]);
  // Not beyond an imagined end: what comes after it is no experience.
  const alive = tf.cumprod(goesOn, 2, true);
  const living = memberSum(alive);
  const values = twoHotMean(
    valueLogits(networks, networks.value.unpack(value.parameters), agent),
    networks.valueBins,
  );
  const part = (from: number) => tf.slice(values, [0, 0, from], [members, starts, horizon]) as tf.Tensor3D;
  const discount = tf.mul(inputs.gamma, goesOn) as tf.Tensor3D;
  const returns = lambdaReturn(reward, discount, part(1), settings.imagination.lambda);
  const error = tf.sub(returns, part(0));
  const mean = (x: tf.Tensor) => tf.div(memberSum(tf.mul(x, alive)), living) as tf.Tensor1D;
  const advantage = settings.imagination.centred ? tf.sub(error, perMember(mean(error), 3)) : error;

  const ofPolicy = (flat: tf.Tensor2D) => nearest(networks, networks.policy.unpack(flat), 'policy', judged);
  const priorOutput = ofPolicy(prior);
  const actor = gradientOf(policy.parameters, (flat) => {
    const output = ofPolicy(flat);
    const { loss, positive, kl } = pmpoLoss(
      {
        logProbability: rows(policyLogProbability(space, output, taken)),
        kl: rows(policyKl(space, output, priorOutput)),
        advantage: rows(advantage),
        alive: rows(alive),
      },
      inputs.alpha,
      inputs.beta,
    );
    return { loss, terms: { pmpo: loss, positive, kl } };
  });
  const critic = gradientOf(value.parameters, (flat) => {
    const logits = valueLogits(networks, networks.value.unpack(flat), judged);
    const errors = twoHotLoss(logits, returns, networks.valueBins);
    const loss = tf.div(memberSum(tf.mul(errors, alive)), living) as tf.Tensor1D;
    return { loss, terms: { loss } };
  });
  const actorStep = descend(policy, actor.gradient, correction, learningRates.policy, gradientClip);
  const criticStep = descend(value, critic.gradient, correction, learningRates.value, gradientClip);
  return {
    policy: actorStep.learnt,
    value: criticStep.learnt,
    terms: {
      pmpo: actor.terms.pmpo,
      kl: actor.terms.kl,
      positive_share: actor.terms.positive,
      value_loss: critic.terms.loss,
      value: mean(part(0)),
      return_error: mean(tf.abs(error)),
      alive_share: tf.div(living, starts * horizon),
      ...actorStep.terms,
      value_gradient_norm: criticStep.terms.gradient_norm,
    } as LossTerms,
  };
}
