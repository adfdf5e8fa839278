import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { ScalarCode } from '../../models/scalar-code.ts';
import { memberMean } from '../../training/reduce.ts';

/**
 * The critic's loss on one set of states: the mean of
 *
 *   w (−log p(R | s) + η_slow (−log p(v_slow | s)))
 *
 * which pulls it to the returns and, like a target network, towards its own moving average.
 *
 * @param output the critic's: [members, …, outputs]
 * @param returns R, constants: [members, …]
 * @param slowValue v_slow, constants: [members, …]
 * @param weight w: [members, …]
 * @returns [members]
 */
export function criticLoss(
  code: ScalarCode,
  output: tf.Tensor,
  returns: tf.Tensor,
  slowValue: tf.Tensor,
  weight: tf.Tensor,
  slowRegulariser: number,
): tf.Tensor1D {
  const likelihood = code.loss(output, returns);
  if (slowRegulariser === 0) return memberMean(tf.mul(weight, likelihood));
  const regulariser = tf.mul(code.loss(output, slowValue), slowRegulariser);
  return memberMean(tf.mul(weight, tf.add(likelihood, regulariser)));
}

/** Steps of real sequences on which the critic learns; [members, batch, time] each. */
export interface ReplayedSteps {
  /** Received on arriving at each step. */
  reward: tf.Tensor3D;
  last: tf.Tensor3D;
  terminal: tf.Tensor3D;
}

/**
 * Returns along real sequences, whose steps are valued by what is imagined from them (DreamerV3's replay critic):
 *
 *   R_t = r_{t+1} + γ (1 − terminal_{t+1}) ((1 − l) b_{t+1} + l R_{t+1}),   l = λ (1 − last_{t+1}),   R_{T−1} = b_{T−1}
 *
 * A termination has no bootstrap; a truncation has that of the truncated state, and nothing of the next episode.
 *
 * @param bootstrap b, the return imagined from each step: [members, batch, time]
 * @returns of the steps but the last: [members, batch, time − 1]
 */
export function replayedReturns(
  { reward, last, terminal }: ReplayedSteps,
  bootstrap: tf.Tensor3D,
  gamma: number,
  lambda: number,
): tf.Tensor3D {
  const [rewards, lasts, terminals, values] = [reward, last, terminal, bootstrap].map((x) =>
    tf.unstack(x, 2),
  );
  const returns: tf.Tensor[] = [];
  let next = values!.at(-1)!;
  for (let t = values!.length - 1; t > 0; t--) {
    const share = tf.mul(tf.sub(1, lasts![t]!), lambda);
    const mixed = tf.add(values![t]!, tf.mul(share, tf.sub(next, values![t]!)));
    const alive = tf.mul(tf.sub(1, terminals![t]!), gamma);
    next = tf.add(rewards![t]!, tf.mul(alive, mixed));
    returns.unshift(next);
  }
  return tf.stack(returns, 2) as tf.Tensor3D;
}

/**
 * What comes through the dynamics: the mean of −w R / S, with gradients through rewards, values, states and actions to the
 * policy.
 *
 * @param scale S: [members, 1, 1]
 * @returns [members]
 */
export const dynamicsLoss = (weight: tf.Tensor, returns: tf.Tensor, scale: tf.Tensor): tf.Tensor1D =>
  memberMean(
    tf.mul(
      stopGradient(() => tf.div(weight, scale)),
      returns,
    ),
    -1,
  );
