import * as tf from '@tensorflow/tfjs-core';
import { reachedGradients } from '../../engine/reached-gradients.ts';
import { globalNorm } from '../../nn/adam.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import { scaleGradient } from '../../nn/scale-gradient.ts';
import { perMember } from '../../training/reduce.ts';
import type { Inference } from './losses.ts';
import type { VaeLstmSettings } from './settings.ts';

/** What GradNorm keeps from update to update. */
export interface GradNormState {
  /** log of f, what λ is multiplied by: [members, 1] */
  logFactor: tf.Tensor2D;
  /** L_base and L_critic of the first update, 0 before it: [members, 2] */
  initialLoss: tf.Tensor2D;
}

/** f = 1: the weight is λ at first. */
export const initialGradNorm = (members: number): GradNormState => ({
  logFactor: tf.zeros([members, 1]),
  initialLoss: tf.zeros([members, 2]),
});

/** f, [members] */
export const factorOf = ({ logFactor }: GradNormState): tf.Tensor1D =>
  tf.squeeze(tf.exp(logFactor), [1]) as tf.Tensor1D;

/** What the critic is computed from, through which its gradient reaches the model f times as large. @param factor f, [members] */
export function scaledInference(inference: Inference, factor: tf.Tensor1D): Inference {
  const scaled = (x: tf.Tensor) => scaleGradient(x, perMember(factor, x.rank));
  return {
    ...inference,
    nextMean: scaled(inference.nextMean),
    latent: scaled(inference.latent),
    predictedLatent: scaled(inference.predictedLatent),
  };
}

/** Of L_base and L_critic, each [members]. */
export type OfBoth = readonly [base: tf.Tensor1D, critic: tf.Tensor1D];

/**
 * The norms of the gradients of both losses, unweighted, by W: the parameters of the model that both reach, which are
 * those of encoder and LSTM. The first is what the whole gradient has besides the critic's.
 *
 * @param layout of `parameters`, the world model's with the critic's behind them
 * @param whole the gradient of L_base + w_c L_critic, of each parameter
 * @param weight w_c, [members]
 * @param critic computes the sum over members of L_critic
 */
export function gradientNorms(
  layout: ParameterLayout,
  parameters: readonly tf.Tensor[],
  whole: readonly tf.Tensor[],
  weight: tf.Tensor1D,
  critic: () => tf.Scalar,
): OfBoth {
  const ofModel = layout.specs
    .map(({ name }, i) => ({ name, i }))
    .filter(({ name }) => !name.startsWith('critic.'));
  const reached = reachedGradients(
    critic,
    ofModel.map(({ i }) => parameters[i]!),
  );
  const shared = ofModel.flatMap(({ i }, at) =>
    reached[at] ? [{ whole: whole[i]!, critic: reached[at] }] : [],
  );
  const ofCritic = layout.join(shared.map(({ critic }) => critic));
  const ofBoth = layout.join(shared.map(({ whole }) => whole));
  const ofBase: tf.Tensor2D = tf.sub(ofBoth, tf.mul(ofCritic, perMember(weight, 2)));
  const norm = (gradient: tf.Tensor2D) => tf.squeeze(globalNorm(gradient), [1]) as tf.Tensor1D;
  return [norm(ofBase), norm(ofCritic)];
}

/** Stands for 0 where there is something to be divided by. */
const LEAST = 1e-20;

/**
 * One step of GradNorm (Chen, Badrinarayanan, Lee and Rabinovich 2018, "GradNorm: gradient normalization for adaptive loss
 * balancing in deep multitask networks", algorithm 1) for the weights w_b = 1 and w_c = f λ:
 *
 *   G_i = w_i ‖∇_W L_i‖     Ḡ their mean     L̃_i = L_i / L_i(0)     r_i = L̃_i / mean of L̃
 *   L_grad = Σ |G_i − Ḡ r_i^α|, Ḡ r_i^α constant:  ∂L_grad / ∂log w_i = s_i G_i,  s_i = sign(G_i − Ḡ r_i^α)
 *   log f ← log f − η (s_c G_c − s_b G_b) / Ḡ,  within ± log bound
 *
 * It departs from the paper in that logarithms of weights are stepped, which keeps them above 0, in units of Ḡ, where the
 * paper leaves their size to Adam: no step is longer than 2 η; and in that both are divided by w_b afterwards, so that
 * L_base keeps the weight 1, where the paper keeps their sum.
 *
 * @param losses now
 * @param norms G_b and G_c, weights included
 */
export function gradNormStep(
  { logFactor, initialLoss }: GradNormState,
  losses: OfBoth,
  norms: OfBoth,
  { alpha, learningRate, bound }: NonNullable<VaeLstmSettings['critic']['gradNorm']>,
): GradNormState {
  const now = tf.stack(losses as [tf.Tensor1D, tf.Tensor1D], 1) as tf.Tensor2D;
  const first = tf.where(tf.greater(initialLoss, 0), initialLoss, now) as tf.Tensor2D;
  const mean = (x: tf.Tensor) => tf.maximum(tf.mean(x, 1, true), LEAST);
  const left = tf.div(now, tf.maximum(first, LEAST));
  const rate = tf.div(left, mean(left));
  const norm = tf.stack(norms as [tf.Tensor1D, tf.Tensor1D], 1);
  const aim = tf.mul(mean(norm), tf.pow(rate, alpha));
  const slope = tf.div(tf.mul(tf.sign(tf.sub(norm, aim)), norm), mean(norm));
  const [ofBase, ofCritic] = tf.split(slope, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  const stepped: tf.Tensor2D = tf.sub(logFactor, tf.mul(tf.sub(ofCritic, ofBase), learningRate));
  const furthest = Math.log(bound);
  return { logFactor: tf.clipByValue(stepped, -furthest, furthest), initialLoss: first };
}
