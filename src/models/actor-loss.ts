import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { stopGradient } from '../engine/stop-gradient.ts';
import { categoricalEntropy } from '../nn/distributions.ts';
import { logTanhSlope, normalEntropy, normalLogProbability } from '../nn/gaussian.ts';
import { memberMean, perMember } from '../training/reduce.ts';
import { type BoxGaussian, unbounded } from './box-gaussian.ts';

/**
 * REINFORCE with an entropy bonus: the mean of −w (log π(a | z) A + η entropy).
 *
 * @param logProbabilities log π of every action: [members, starts, horizon, actions]
 * @param action onehot(a), same shape
 * @param weight w: [members, starts, horizon]
 * @param advantage A: [members, starts, horizon]
 * @param entropyWeight η: [members]
 * @returns the loss and the mean entropy (nats), [members] each
 */
export function actorLoss(
  logProbabilities: tf.Tensor,
  action: tf.Tensor,
  weight: tf.Tensor,
  advantage: tf.Tensor,
  entropyWeight: tf.Tensor1D,
): { loss: tf.Tensor1D; entropy: tf.Tensor1D } {
  const entropies = stopGradient(() => categoricalEntropy(logProbabilities));
  const loss = withGradient([logProbabilities], () => {
    const chosen = tf.sum(tf.mul(logProbabilities, action), -1);
    const eta = perMember(entropyWeight, advantage.rank);
    const objective = tf.mul(weight, tf.add(tf.mul(chosen, advantage), tf.mul(eta, entropies)));
    return {
      value: memberMean(objective, -1),
      keep: [logProbabilities, action, weight, advantage, eta],
      // −w (A a − η π (log π + 1)) of each action, over the number of states
      gradient: (dy, kept) => {
        const [logP, action, ...perState] = kept as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
        const [weight, advantage, eta] = perState.map((x) => tf.expandDims(x, -1));
        const bonus = tf.mul(eta!, tf.mul(tf.exp(logP), tf.add(logP, 1)));
        const share = tf.mul(perMember(dy, logP.rank), -dy.size / perState[0]!.size);
        return [tf.mul(tf.mul(weight!, share), tf.sub(tf.mul(advantage!, action), bonus))];
      },
    };
  });
  return { loss, entropy: memberMean(entropies) };
}

/**
 * The same for a box. With u = μ + σ ε as it was when the action tanh(u) was taken, a constant, and ε its noise:
 *
 *   log π(a | z) = log N(u; μ, σ) − Σ log(1 − tanh²(u))      H = entropy of N(μ, σ) + Σ log(1 − tanh²(μ + σ ε))
 *
 * the entropy estimated from the sample, with its gradient through u.
 *
 * @param policy [members, starts, horizon, dimensions]
 * @param noise ε, of the same shape
 */
export function squashedActorLoss(
  policy: BoxGaussian,
  noise: tf.Tensor,
  weight: tf.Tensor,
  advantage: tf.Tensor,
  entropyWeight: tf.Tensor1D,
): { loss: tf.Tensor1D; entropy: tf.Tensor1D } {
  const u = unbounded(policy, noise);
  const taken = stopGradient(() => tf.clone(u));
  const logProbability = tf.sub(
    normalLogProbability(policy.mean, policy.logStd, taken),
    stopGradient(() => logTanhSlope(taken)),
  );
  const entropy = tf.add(normalEntropy(policy.logStd), logTanhSlope(u));
  return reinforce(logProbability, entropy, weight, advantage, entropyWeight);
}

/**
 * The same for a box to which actions are clipped: log π and entropy are those of N(μ, σ) before that.
 *
 * @param policy [members, starts, horizon, dimensions]
 * @param noise ε, of the same shape
 */
export function clippedActorLoss(
  policy: BoxGaussian,
  noise: tf.Tensor,
  weight: tf.Tensor,
  advantage: tf.Tensor,
  entropyWeight: tf.Tensor1D,
): { loss: tf.Tensor1D; entropy: tf.Tensor1D } {
  const taken = stopGradient(() => unbounded(policy, noise));
  const logProbability = normalLogProbability(policy.mean, policy.logStd, taken);
  return reinforce(logProbability, normalEntropy(policy.logStd), weight, advantage, entropyWeight);
}

/** The mean of −w (log π A + η entropy), from log π and entropy of each state. */
function reinforce(
  logProbability: tf.Tensor,
  entropy: tf.Tensor,
  weight: tf.Tensor,
  advantage: tf.Tensor,
  entropyWeight: tf.Tensor1D,
): { loss: tf.Tensor1D; entropy: tf.Tensor1D } {
  const bonus = tf.mul(perMember(entropyWeight, advantage.rank), entropy);
  const objective = tf.mul(weight, tf.add(tf.mul(logProbability, advantage), bonus));
  return { loss: memberMean(objective, -1), entropy: stopGradient(() => memberMean(entropy)) };
}
