import * as tf from '@tensorflow/tfjs-core';
import { maskedMean } from '../../training/reduce.ts';

/** States that were imagined, as the policy's loss sees them: [members, states] each. */
export interface JudgedStates {
  /** ln π(a | s) of the action taken there. */
  logProbability: tf.Tensor;
  /** KL(π ‖ prior) there. */
  kl: tf.Tensor;
  /** A, a constant. */
  advantage: tf.Tensor;
  /** 1 where the episode had not ended before it, else 0. */
  alive: tf.Tensor;
}

/**
 * PMPO with a behavioural prior (Hafner et al. 2025, eq. 11): by the signs of advantages alone, D⁺ holding those from 0 on,
 *
 *   L = (1 − α) / |D⁻| Σ_{D⁻} ln π(a|s) − α / |D⁺| Σ_{D⁺} ln π(a|s) + β / N Σ KL(π ‖ prior)
 *
 * over the N states that are alive; a set that is empty adds nothing.
 *
 * @returns [members] each: the loss, the share of D⁺ among all, and the mean KL
 */
export function pmpoLoss(
  { logProbability, kl, advantage, alive }: JudgedStates,
  alpha: tf.Tensor1D | number,
  beta: tf.Tensor1D | number,
): { loss: tf.Tensor1D; positive: tf.Tensor1D; kl: tf.Tensor1D } {
  const well = tf.mul(tf.cast(tf.greaterEqual(advantage, 0), 'float32'), alive);
  const ill = tf.sub(alive, well);
  const divergence = maskedMean(kl, alive);
  const fromIll = tf.mul(tf.sub(1, alpha), maskedMean(logProbability, ill));
  const toWell = tf.mul(alpha, maskedMean(logProbability, well));
  return {
    loss: tf.add(tf.sub(fromIll, toWell), tf.mul(beta, divergence)),
    positive: maskedMean(well, alive),
    kl: divergence,
  };
}
