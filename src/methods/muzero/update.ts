import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { type ValueEquivalentModel, valueEquivalentModel } from '../../models/value-equivalent/model.ts';
import type { ValueEquivalentNetworks } from '../../models/value-equivalent/networks.ts';
import { uploadActions } from '../../models/windows.ts';
import { adam, type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { gradientOf } from '../../training/gradient.ts';
import { maskedMean, meanSpread, memberMean } from '../../training/reduce.ts';
import { type Unrolled, unrolledLoss, unrolledTerms } from './losses.ts';
import type { UnrolledBatch } from './replay.ts';
import type { MuzeroSettings } from './settings.ts';
import type { Weights } from './weights.ts';

/** The terms of losses.csv, in order; a run reports those that it has. */
export const LOSS_TERMS = [
  'loss',
  'policy',
  'value',
  'reward',
  'continue',
  'self',
  'observation',
  'value_error',
  'target_value',
  'target_entropy',
  'latent_std',
  'gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];
export type LossTerms = Partial<Record<LossTerm, tf.Tensor>>;

/** Hyper-parameters that may differ from member to member, or change from update to update: [members, 1] each. */
export interface MemberScalars {
  learningRate: tf.Tensor2D;
  /** Weight decay of this update: the step size times `weightDecay`. */
  decay: tf.Tensor2D;
  /** How far this update takes the average. */
  average: tf.Tensor2D;
}

/** What an update is computed with, besides what it changes. */
export interface UpdateContext {
  networks: ValueEquivalentNetworks;
  settings: MuzeroSettings;
  spaces: AgentSpaces;
}

/** A replayed batch on the engine: `Unrolled` with what values and actions are made of. */
export interface BatchTensors extends Omit<Unrolled, 'action' | 'value'> {
  /** Indices: [members, batch, states − 1], int32 */
  action: tf.Tensor;
  /** õ of the states whose values follow; absent where values are those of searches */
  bootstrap?: tf.Tensor4D;
  discount: tf.Tensor3D;
  received: tf.Tensor3D;
}

/** Whether what is learnt asks for the observations after a window's first. */
const readsLater = ({ predict }: MuzeroSettings) => predict.self > 0 || predict.observation > 0;

export function uploadUnrolled(
  batch: UnrolledBatch,
  settings: MuzeroSettings,
  { observation: size, actionSpace, actions }: AgentSpaces,
): BatchTensors {
  const { members, batch: windows, states } = batch;
  const perState: [number, number, number] = [members, windows, states];
  const firsts = () => {
    const first = new Float32Array(members * windows * size);
    for (let window = 0; window < members * windows; window++) {
      const from = window * states * size;
      first.set(batch.observation.subarray(from, from + size), window * size);
    }
    return tf.tensor4d(first, [members, windows, 1, size]);
  };
  const each = (values: Float32Array) => tf.tensor3d(values, perState);
  return {
    observation: readsLater(settings) ? tf.tensor4d(batch.observation, [...perState, size]) : firsts(),
    ...(settings.returns.bootstrap === 'average' && {
      bootstrap: tf.tensor4d(batch.bootstrap, [...perState, size]),
    }),
    discount: each(batch.discount),
    received: each(batch.received),
    valueKnown: each(batch.valueKnown),
    reward: each(batch.reward),
    rewardKnown: each(batch.rewardKnown),
    goesOn: each(batch.goesOn),
    policy: tf.tensor4d(batch.policy, [...perState, actions]),
    acted: each(batch.acted),
    observed: each(batch.observed),
    action: uploadActions(batch.action, [members, windows, states - 1], actionSpace),
    weight: tf.tensor2d(batch.weight, [members, windows]),
  };
}

/** What a gradient came to. */
export interface Gradient {
  /** Before clipping: [members, size] */
  gradient: tf.Tensor2D;
  terms: LossTerms;
  /** v − z of the first states: [members, batch] */
  error: tf.Tensor2D;
}

/** The gradient of the loss of a batch. */
export function lossGradient(
  { networks, settings, spaces }: UpdateContext,
  { learnt, average }: Weights,
  batch: BatchTensors,
): Gradient {
  const { layout, code } = networks;
  const averaged = valueEquivalentModel(networks, layout.unpack(average));
  const windows = madeReady(batch, averaged, spaces);
  const { gradient, terms } = gradientOf(learnt.parameters, (flat) => {
    const model = valueEquivalentModel(networks, layout.unpack(flat));
    const observer = settings.selfTarget === 'average' ? averaged : model;
    const observed = observedLatents(observer, windows.observation, settings);
    const { terms, valueOutput, latents } = unrolledTerms(model, code, windows, observed, settings);
    const loss = unrolledLoss(terms, settings);
    const error = stopGradient(() => errorOf(code.mean(valueOutput), windows));
    const seen = stopGradient(() => described(windows, latents, error));
    return { loss, terms: { loss, ...terms, ...seen, error } };
  });
  const { error, ...lossTerms } = terms;
  return { gradient, terms: lossTerms, error };
}

/** A batch as losses are of it: observations scaled, actions one-hot, and z with the values that follow. */
function madeReady(
  batch: BatchTensors,
  averaged: ValueEquivalentModel,
  { observationScale, actionSpace }: AgentSpaces,
): Unrolled {
  const scale = tf.tensor1d([...observationScale]);
  const { bootstrap, discount, received, ...rest } = batch;
  const followed = bootstrap && averaged.value(averaged.encode(tf.div(bootstrap, scale)));
  return {
    ...rest,
    observation: tf.div(batch.observation, scale),
    action: encodeActions(actionSpace, batch.action) as tf.Tensor4D,
    value: followed ? tf.add(received, tf.mul(discount, followed)) : received,
  };
}

/** What latents from the second state on are compared with, a constant unless it is unstopped; undefined where they are not. */
function observedLatents(
  model: ValueEquivalentModel,
  observation: tf.Tensor4D,
  { predict, shapesModel, selfTarget }: MuzeroSettings,
): tf.Tensor | undefined {
  if (predict.self === 0) return undefined;
  const [members, batch, states, size] = observation.shape;
  const latents = () => model.encode(tf.slice(observation, [0, 0, 1, 0], [members, batch, states - 1, size]));
  const projected = (latent: tf.Tensor) => model.project?.(latent) ?? latent;
  if (selfTarget !== 'unstopped') return stopGradient(() => projected(latents()));
  return projected(shapesModel.includes('self') ? latents() : stopGradient(latents));
}

/** v − z of the first states. */
function errorOf(values: tf.Tensor, { value }: Unrolled): tf.Tensor2D {
  const [members, batch] = value.shape;
  return tf.reshape(tf.slice(tf.sub(values, value), [0, 0, 0], [members, batch, 1]), [members, batch]);
}

/** Stands for a probability of 0 in a logarithm. */
const LEAST_PROBABILITY = 1e-30;

/** What targets and latents are like. */
function described(
  { value, valueKnown, policy, acted }: Unrolled,
  latents: tf.Tensor,
  error: tf.Tensor2D,
): Record<'value_error' | 'target_value' | 'target_entropy' | 'latent_std', tf.Tensor> {
  const entropy = tf.neg(tf.sum(tf.mul(policy, tf.log(tf.maximum(policy, LEAST_PROBABILITY))), -1));
  return {
    value_error: memberMean(tf.abs(error)),
    target_value: maskedMean(value, valueKnown),
    target_entropy: maskedMean(entropy, acted),
    latent_std: meanSpread(latents),
  };
}

/** One update by a clipped step of Adam with decoupled weight decay, and one of the average. */
export function learn(
  context: UpdateContext,
  before: Weights,
  batch: BatchTensors,
  correction: BiasCorrection,
  scalars: MemberScalars,
): { weights: Weights; terms: LossTerms; error: tf.Tensor2D } {
  const { gradient, terms, error } = lossGradient(context, before, batch);
  const norm = globalNorm(gradient);
  const { parameters: old, moments } = before.learnt;
  const { gradientClip } = context.settings.optimizer;
  const stepped = adam(old, gradient, norm, moments, correction, scalars.learningRate, gradientClip);
  const parameters: tf.Tensor2D = tf.sub(stepped.parameters, tf.mul(old, scalars.decay));
  return {
    weights: {
      learnt: { parameters, moments: stepped.moments },
      average: movingAverage(before.average, parameters, scalars.average),
    },
    terms: {
      ...terms,
      gradient_norm: tf.squeeze(norm, [1]),
      weight_norm: tf.squeeze(globalNorm(parameters), [1]),
    },
    error,
  };
}
