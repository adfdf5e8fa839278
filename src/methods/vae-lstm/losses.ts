import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { decoderOutput, reconstructionError } from '../../models/vae/decoder.ts';
import { encode } from '../../models/vae/encoder.ts';
import type { VaeShape } from '../../models/vae/vae.ts';
import { predictSequence } from '../../models/vae-lstm/dynamics.ts';
import { continueLogit, predictReward, value } from '../../models/vae-lstm/heads.ts';
import type { Windows } from '../../models/windows.ts';
import { binaryCrossEntropy, klToStandardNormal, sampleNormal } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { meanSquaredError, memberMean, memberSum, perMember, weightedSum } from '../../training/reduce.ts';
import type { ValueFunction } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';

/** What the world model makes of the windows; each `[members, batch, time, …]`. */
export interface Inference {
  /** μ of o */
  mean: tf.Tensor;
  /** μ′ of o′ */
  nextMean: tf.Tensor;
  /** z ~ q(z | o) */
  latent: tf.Tensor;
  /** z′ ~ q(z | o′) */
  nextLatent: tf.Tensor;
  /** ẑ′ */
  predictedLatent: tf.Tensor;
  /** LSTM state after each step */
  hidden: tf.Tensor4D;
  cell: tf.Tensor4D;
}

const halves = (x: tf.Tensor) => tf.split(x, 2, 2) as [tf.Tensor, tf.Tensor];

/** Mean over batch and time of the sum over dimensions of (x − sg(y))²: [members, batch, time, n] -> [members]. */
const squaredDistance = (x: tf.Tensor, y: tf.Tensor): tf.Tensor1D => meanSquaredError(x, y, x.shape.at(-1)!);

/** What the model makes of the windows, with the posteriors of o and o′. @param noise as `baseTerms` takes it */
export function infer(parameters: Parameters, vae: VaeShape, windows: Windows, noise: tf.Tensor) {
  const { observation, nextObservation } = windows;
  const posterior = encode(parameters, vae, tf.concat([observation, nextObservation], 2));
  const [mean, nextMean] = halves(posterior.mean);
  const [latent, nextLatent] = halves(sampleNormal(posterior.mean, posterior.logVariance, noise));
  const { predictedLatent, hidden, cell } = predictSequence(
    parameters,
    latent,
    windows.action,
    windows.first,
  );
  const inference: Inference = { mean, nextMean, latent, nextLatent, predictedLatent, hidden, cell };
  return { posterior, inference };
}

/**
 * The terms of the baseline's loss (the paper's L_base with the gaps filled):
 *
 *   L_base = w_o |dec(z) − õ|² + w_o |dec(ẑ′) − õ′|² + w_z |ẑ′ − sg(μ′)|²
 *          + β · mean over dimensions of KL(q ‖ N(0, I)), the mean of that for o and for o′
 *          + (r̂ − r)² + BCE(cont(ẑ′), 1 − terminated) + BCE(cont(z′), 1 − terminated)
 *
 * Sums over dimensions, means over batch × time; the terms are returned without their weights. Of images |dec − õ|² may be
 * a divergence in its place (`reconstructionError`).
 *
 * @param noise ε of the posterior samples, o then o′ along time: [members, batch, 2 · time, latent]
 */
export function baseTerms(
  parameters: Parameters,
  vae: VaeShape,
  windows: Windows,
  noise: tf.Tensor,
  settings: VaeLstmSettings,
) {
  const { hidden: widths, continueHead, imageLoss } = settings.model;
  const { observation, nextObservation } = windows;
  const { posterior, inference } = infer(parameters, vae, windows, noise);
  const { nextMean, latent, nextLatent, predictedLatent } = inference;
  const [decoded, decodedPrediction] = halves(
    decoderOutput(parameters, vae, tf.concat([latent, predictedLatent], 2)),
  );
  const alive = tf.sub(1, windows.terminated);
  const terms: Record<string, tf.Tensor1D> = {
    reconstruction: reconstructionError(vae, decoded, observation, imageLoss),
    predicted_reconstruction: reconstructionError(vae, decodedPrediction, nextObservation, imageLoss),
    latent_consistency: squaredDistance(predictedLatent, nextMean),
    kl: memberMean(klToStandardNormal(posterior.mean, posterior.logVariance)),
    reward: meanSquaredError(predictReward(parameters, predictedLatent), windows.reward),
  };
  if (continueHead) {
    const logits = continueLogit(parameters, widths.length, tf.concat([predictedLatent, nextLatent], 2));
    // The mean over ẑ′ and z′ together is half the sum of their two means.
    terms.continue = memberMean(binaryCrossEntropy(logits, tf.concat([alive, alive], 2)), 2);
  }
  return { terms, inference };
}

/** What each term weighs in L_base, in the order in which they are summed. `beta` is [members]. */
export const baseWeights = (
  beta: tf.Tensor1D,
  { model }: VaeLstmSettings,
): Record<string, tf.Tensor1D | number> => ({
  reconstruction: model.reconstructionWeight,
  predicted_reconstruction: model.reconstructionWeight,
  latent_consistency: model.latentWeight,
  kl: beta,
  reward: 1,
  ...(model.continueHead && { continue: 1 }),
});

/** L_base of the terms: [members]. `beta` is [members]. */
export const baseLoss = (
  terms: Record<string, tf.Tensor1D>,
  beta: tf.Tensor1D,
  settings: VaeLstmSettings,
): tf.Tensor1D =>
  weightedSum(Object.entries(baseWeights(beta, settings)).map(([name, weight]) => [terms[name]!, weight]));

/**
 * The critic's loss on real transitions. With sg and V̄ (the moving average of V):
 *
 *   y_t = sg[(1 − γ) r_t + γ (1 − terminated_t) V̄(μ_{t+1})]
 *   L_critic = (V(z_t) − y_t)² + (V(ẑ_t) − y_t)²
 *
 * ẑ_t is the prediction of z_t from the step before, masked at episode starts. `stopGradient: false` is the printed
 * equation: V itself in place of V̄, with gradients into both sides; `terminalMask: false` drops (1 − terminated).
 * Where the critic does not shape the model, z, ẑ and μ are constants.
 *
 * @param target V̄
 * @returns [members]
 */
export function criticLoss(
  parameters: Parameters,
  target: ValueFunction,
  windows: Windows,
  inference: Inference,
  { critic, gamma }: VaeLstmSettings,
): tf.Tensor1D {
  const layers = critic.hidden.length;
  const shaping = <T>(f: () => T) => (critic.shapesModel ? f() : stopGradient(f));
  const valueTarget = () => {
    const nextMean = shaping(() => tf.clone(inference.nextMean));
    const nextValue = critic.stopGradient ? target(nextMean) : value(parameters, layers, nextMean);
    const bootstrap = critic.terminalMask ? tf.mul(tf.sub(1, windows.terminated), nextValue) : nextValue;
    return tf.add(tf.mul(windows.reward, 1 - gamma), tf.mul(bootstrap, gamma)) as tf.Tensor3D;
  };
  const y = critic.stopGradient ? stopGradient(valueTarget) : valueTarget();
  const [members, batch, time] = y.shape;
  const later = (x: tf.Tensor3D) => tf.slice(x, [0, 0, 1], [members, batch, time - 1]);

  const latents = shaping(() => tf.concat([inference.latent, inference.predictedLatent], 2));
  const [valueOfLatent, valueOfPrediction] = halves(value(parameters, layers, latents)) as [
    tf.Tensor3D,
    tf.Tensor3D,
  ];
  // With gradients into both sides it is their difference that is differentiated.
  const distance = (v: tf.Tensor, y: tf.Tensor, weight?: tf.Tensor) =>
    critic.stopGradient
      ? meanSquaredError(v, y, weight)
      : meanSquaredError(tf.sub(v, y), tf.zerosLike(y), weight);
  const onLatent = distance(valueOfLatent, y);
  if (time === 1) return onLatent;

  const predicted = tf.slice(valueOfPrediction, [0, 0, 0], [members, batch, time - 1]);
  const unbroken = stopGradient(() => {
    const mask = tf.sub(1, later(windows.first));
    const share = tf.div(batch * (time - 1), tf.maximum(memberSum(mask), 1));
    return tf.mul(mask, perMember(share, 3));
  });
  const onPrediction = distance(predicted, later(y), unbroken);
  return weightedSum([
    [onLatent, 1],
    [onPrediction, 1],
  ]);
}

/**
 * The critic on imagined states: the mean of w (V(sg z) − R)², [members].
 *
 * @param weight w: [members, starts, horizon]
 * @param predicted V(sg z): [members, starts, horizon]
 * @param returns R: [members, starts, horizon]
 */
export function imaginedCriticLoss(weight: tf.Tensor, predicted: tf.Tensor, returns: tf.Tensor): tf.Tensor1D {
  return meanSquaredError(predicted, returns, weight);
}
