import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { judged, twoHeads } from '../../models/latent/critic.ts';
import type { LatentNetworks } from '../../models/latent/networks.ts';
import {
  type ActorCritic,
  actionValues,
  actorOutput,
  choiceValues,
  expectedChoice,
  type ValueSample,
} from '../../models/latent/value.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import { memberMean } from '../../training/reduce.ts';
import { quantileRange } from '../../training/returns.ts';
import { powers } from './losses.ts';
import type { TdmpcSettings } from './settings.ts';

/** What an actor's loss came to. */
export interface ActorLoss {
  /** [members] each */
  loss: tf.Tensor1D;
  entropy?: tf.Tensor1D;
  /** The next S: [members, 1] */
  scale: tf.Tensor2D;
}

/**
 * The actor's loss on the latents of windows, which are constants as the value heads are: the mean over z_0 … z_H of
 *
 *   −ρ^t (Q(z_t, a) / S + η entropy),  a ~ π(z_t)      in a box
 *   −ρ^t (Σ_a π(a | z_t) Q(z_t, a) / S + η entropy)    among choices
 *
 * Q what two heads say together. S follows the range of Q at the windows' first step before it divides; without
 * `actor.scaled` it is 1 and no entropy counts, as TD-MPC has it.
 *
 * @param latents [members, batch, time + 1, latent]
 * @param mask of the steps that lead to them, from `stepWeights`: [members, batch, time]
 * @param sample [members, batch · (time + 1), …]
 * @param scale S so far: [members, 1]
 */
export function actorLoss(
  networks: LatentNetworks,
  { critic, actor }: Required<ActorCritic>,
  latents: tf.Tensor4D,
  mask: tf.Tensor3D,
  sample: ValueSample,
  scale: tf.Tensor2D,
  { rho, actor: settings, critic: { pair } }: TdmpcSettings,
): ActorLoss {
  const [members, batch, states, size] = latents.shape;
  const rows = tf.reshape(latents, [members, batch * states, size]);
  const heads = twoHeads(sample.pair, networks.critic.heads);
  const { policy } = networks.actor!;
  const output = actorOutput(actor, rows, networks);
  const judgedRows = () => {
    if (policy.space.kind === 'box') {
      const action = policy.sample(output, sample.action!);
      return judged(actionValues(networks, critic, rows, action), heads, pair);
    }
    const ofChoices = stopGradient(() =>
      judged(choiceValues(networks, critic, rows, policy.outputs), tf.expandDims(heads, 3), pair),
    );
    return expectedChoice(policy.logProbabilities!(output), ofChoices);
  };
  const values = tf.reshape(judgedRows(), [members, batch, states]);
  const { next, weight } = stopGradient(() => {
    const atFirst = tf.reshape(tf.slice(values, [0, 0, 0], [members, batch, 1]), [members, batch]);
    const counts = tf.concat([tf.ones([members, batch, 1]), mask], 2);
    return {
      next: settings.scaled ? nextScale(scale, atFirst as tf.Tensor2D, settings.scaleRate) : tf.clone(scale),
      weight: tf.mul(counts, powers(rho, states)),
    };
  });
  const hasBonus = settings.scaled && policy.entropy !== undefined;
  const entropy = hasBonus
    ? tf.reshape(policy.entropy!(output, sample.action!), [members, batch, states])
    : undefined;
  return {
    loss: policyLoss(values, entropy, next, weight, settings.entropy),
    ...(entropy && { entropy: stopGradient(() => memberMean(entropy)) }),
    scale: next,
  };
}

/** The range of values that S follows lies between these quantiles, and is at least so large. */
const [LOW, HIGH, LEAST_SCALE] = [0.05, 0.95, 1];

/**
 * S ← S + rate (max(P95 − P5, 1) − S), from values [members, n].
 *
 * @param scale S: [members, 1]
 */
export function nextScale(scale: tf.Tensor2D, values: tf.Tensor2D, rate: number): tf.Tensor2D {
  const range = tf.expandDims(quantileRange(values, LOW, HIGH), 1);
  return movingAverage(scale, tf.maximum(range, LEAST_SCALE), rate);
}

/**
 * The mean of −w (Q / S + η H), [members, batch, states] -> [members].
 *
 * @param values Q
 * @param entropy H; undefined: none counts
 * @param scale S, a constant: [members, 1]
 * @param weight w, a constant
 */
export function policyLoss(
  values: tf.Tensor,
  entropy: tf.Tensor | undefined,
  scale: tf.Tensor2D,
  weight: tf.Tensor,
  entropyWeight: number,
): tf.Tensor1D {
  const scaled = tf.div(values, tf.expandDims(scale, 2));
  const objective = entropy ? tf.add(scaled, tf.mul(entropy, entropyWeight)) : scaled;
  return memberMean(tf.mul(objective, weight), -1);
}
