import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { ScalarCode } from '../../models/scalar-code.ts';
import type { UnrolledModel } from '../../models/value-equivalent/model.ts';
import { crossEntropy } from '../../nn/categorical.ts';
import { binaryCrossEntropy, cosineSimilarity } from '../../nn/distributions.ts';
import { scaleGradient } from '../../nn/scale-gradient.ts';
import { memberMean, weightedSum } from '../../training/reduce.ts';
import type { MuzeroSettings, Predicted } from './settings.ts';

/** Unrolled windows with what they are trained towards, constants on the engine: [members, batch, states, …] each. */
export interface Unrolled {
  /** õ, of the first state alone where no later one is asked for */
  observation: tf.Tensor4D;
  /** onehot(a): [members, batch, states − 1, choices] */
  action: tf.Tensor4D;
  /** In units of `rewardScale`, of states from the second on */
  reward: tf.Tensor3D;
  rewardKnown: tf.Tensor3D;
  /** 0 from a termination on, else 1 */
  goesOn: tf.Tensor3D;
  value: tf.Tensor3D;
  valueKnown: tf.Tensor3D;
  policy: tf.Tensor4D;
  acted: tf.Tensor3D;
  observed: tf.Tensor3D;
  /** Importance of each window: [members, batch] */
  weight: tf.Tensor2D;
}

/** The terms of the loss before their weights, [members] each. */
export interface Terms extends Partial<Record<'continue' | 'observation' | 'self', tf.Tensor1D>> {
  policy: tf.Tensor1D;
  value: tf.Tensor1D;
  reward: tf.Tensor1D;
}

/**
 * MuZero's losses along z⁰ = h(õ_t), z^{k+1} = g(z^k, a_{t+k}) (Schrittwieser et al. 2020, appendix G), of each window
 * Σ_k w_k times, then the mean over windows with their importance; w_0 = 1, w_k = 1 / K:
 *
 *   policy       −Σ_a π(a) log p^k(a)
 *   value        cross entropy of v^k with z_{t+k}
 *   reward       of r^k with u_{t+k}                                  k ≥ 1
 *   continue     −c log ĉ^k − (1 − c) log(1 − ĉ^k), c = 0 from a termination on, else 1   k ≥ 1
 *   self         −cos(predict(project(z^k)), sg project(h(õ_{t+k})))  k ≥ 1: EfficientZero (Ye et al. 2021)
 *   observation  mean of (dec(z^k) − õ_{t+k})² over its elements
 *
 * What is not known counts 0 and the rest as much as ever. The gradient is halved where a latent goes into the dynamics, so
 * that it does not grow with K, and reaches latents only from the heads that are to shape them.
 *
 * Where `selfTarget` is `unstopped`, sg is left out, and the observed latents learn to be predicted: nothing keeps them apart.
 *
 * @param observedLatents project(h(õ)) of the states from the second on; undefined where none is asked for
 * @returns also the outputs of the value head, [members, batch, states, outputs]
 */
export function unrolledTerms(
  model: UnrolledModel,
  code: ScalarCode,
  windows: Unrolled,
  observedLatents: tf.Tensor | undefined,
  {
    shapesModel,
    selfTarget,
    halvedAtFirst,
  }: Pick<MuzeroSettings, 'shapesModel' | 'selfTarget' | 'halvedAtFirst'>,
): { terms: Terms; valueOutput: tf.Tensor; latents: tf.Tensor } {
  const { observation, action, weight } = windows;
  const [members, batch, unroll] = action.shape;
  const first = tf.squeeze(tf.slice(observation, [0, 0, 0, 0], [members, batch, 1, -1]), [2]);
  const latents = [model.encode(first)];
  for (const [k, taken] of tf.unstack(action, 2).entries()) {
    const latent = latents.at(-1)!;
    latents.push(model.next(k > 0 || halvedAtFirst ? scaleGradient(latent, 0.5) : latent, taken));
  }
  const all = tf.stack(latents, 2);
  const later = tf.stack(latents.slice(1), 2);
  const stepWeights = tf.tensor1d(Array.from({ length: unroll + 1 }, (_, k) => (k === 0 ? 1 : 1 / unroll)));
  /** The mean over windows of the sum over their states, of all or those from the second on. */
  const total = (loss: tf.Tensor, known: tf.Tensor) => {
    const states = loss.shape[2]!;
    const weights = stopGradient(() => {
      const own = states > unroll ? stepWeights : tf.slice(stepWeights, [1], [unroll]);
      return tf.mul(tf.mul(known, own), tf.expandDims(weight, 2));
    });
    return memberMean(tf.mul(loss, weights), states);
  };
  const given = (latent: tf.Tensor, head: Predicted) =>
    shapesModel.includes(head) ? latent : stopGradient(() => tf.clone(latent));
  const afterFirst = (x: tf.Tensor) => stopGradient(() => tf.slice(x, [0, 0, 1], [members, batch, unroll]));
  const valueOutput = model.valueOutput(given(all, 'value'));
  const terms: Terms = {
    policy: total(crossEntropy(model.policyOutput(given(all, 'policy')), windows.policy), windows.acted),
    value: total(code.loss(valueOutput, windows.value), windows.valueKnown),
    reward: total(
      code.loss(model.rewardOutput(given(later, 'reward')), afterFirst(windows.reward)),
      afterFirst(windows.rewardKnown),
    ),
  };
  if (model.continueLogit) {
    const loss = binaryCrossEntropy(
      model.continueLogit(given(later, 'continue')),
      afterFirst(windows.goesOn),
    );
    terms.continue = total(loss, afterFirst(windows.rewardKnown));
  }
  if (observedLatents) {
    const compared = given(later, 'self');
    const predicted = model.project ? model.predict!(model.project(compared)) : compared;
    const alike = cosineSimilarity(predicted, observedLatents, selfTarget === 'unstopped');
    terms.self = total(tf.neg(alike), afterFirst(windows.observed));
  }
  if (model.decode) {
    const error = tf.sub(model.decode(given(all, 'observation')), observation);
    terms.observation = total(tf.mean(tf.square(error), -1), windows.observed);
  }
  return { terms, valueOutput, latents: all };
}

/** The weighted sum of the terms: [members]. */
export const unrolledLoss = (terms: Terms, { predict }: Pick<MuzeroSettings, 'predict'>): tf.Tensor1D =>
  weightedSum([
    [terms.policy, predict.policy],
    [terms.value, predict.value],
    [terms.reward, predict.reward],
    ...(terms.continue ? [[terms.continue, predict.continue] as const] : []),
    ...(terms.self ? [[terms.self, predict.self] as const] : []),
    ...(terms.observation ? [[terms.observation, predict.observation] as const] : []),
  ]);
