import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { policyLogProbability } from '../../models/policy-likelihood.ts';
import {
  type BootstrapFrames,
  bootstrapTarget,
  forcingLoss,
  frameErrors,
  noised,
  signalLevel,
} from '../../models/shortcut/forcing.ts';
import { errorScale, expectedLatents, type ShortcutModel } from '../../models/shortcut/model.ts';
import { binaryCrossEntropy } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { twoHotLoss } from '../../nn/two-hot.ts';
import { memberSum } from '../../training/reduce.ts';
import { headOutputs, type Networks } from './networks.ts';

/** Windows as the dynamics learns from them. */
export interface ForcingInputs {
  /** z: [members, batch, time, latent] */
  clean: tf.Tensor;
  /** z_0, of the same shape */
  noise: tf.Tensor;
  /** With one number more: [members, batch, time, actions + 1] */
  action: tf.Tensor;
  /** int32 [members, batch, time] each */
  levels: { signal: tf.Tensor; step: tf.Tensor };
  /** Of the last rows, those whose targets are bootstrapped: [members, rows, time] each; undefined: there are none */
  half: BootstrapFrames['half'] | undefined;
  /** What each frame counts in the loss, 0 for context and beyond an episode's end: [members, batch, time] */
  weight: tf.Tensor;
  /** What each frame counts in the means that are reported: [members, reports, batch · time] */
  reports: tf.Tensor;
}

/**
 * The loss of shortcut forcing, with the mean errors that are reported, [members, reports], and what the agent's lane knows.
 *
 * @param agent whether there is the agent's lane
 */
export function dynamicsLoss(
  model: ShortcutModel,
  { clean, noise, action, levels, half, weight, reports }: ForcingInputs,
  agent: boolean,
): { loss: tf.Tensor1D; reported: tf.Tensor; agent: tf.Tensor | undefined } {
  const kMax = model.shape.levels;
  const { target, latent, scale } = stopGradient(() => {
    const latent = noised(clean, noise, signalLevel(levels.signal, kMax));
    const target = half ? bootstrapped(model, { clean, latent, action, levels, half }) : clean;
    return { target, latent, scale: errorScale(model, levels.signal) };
  });
  const expected = expectedLatents(model, { latent, action, ...levels }, agent);
  const errors = frameErrors(expected.latent, target, scale);
  return {
    loss: forcingLoss(errors, weight),
    reported: stopGradient(() => {
      const [members, count] = reports.shape as [number, number];
      const rows = tf.reshape(errors, [members, errors.size / members, 1]);
      return tf.reshape(tf.matMul(reports as tf.Tensor3D, rows as tf.Tensor3D), [members, count]);
    }),
    agent: expected.agent,
  };
}

/** The targets of all rows, of which the last are bootstrapped by the same weights. */
function bootstrapped(
  model: ShortcutModel,
  {
    clean,
    latent,
    action,
    levels,
    half,
  }: Pick<ForcingInputs, 'clean' | 'action' | 'levels'> & {
    latent: tf.Tensor;
    half: BootstrapFrames['half'];
  },
): tf.Tensor {
  const rows = half.step.shape[1]!;
  const first = clean.shape[1]! - rows;
  const last = (x: tf.Tensor) => sliceAlong(x, 1, first, rows);
  const ownAction = last(action);
  const target = bootstrapTarget(
    (latent, signal, step) =>
      expectedLatents(model, { latent, action: ownAction, signal, step }, false).latent,
    { latent: last(latent), clean: last(clean), signal: last(levels.signal), half },
    model.shape.levels,
  );
  return first === 0 ? target : tf.concat([sliceAlong(clean, 1, 0, first), target], 1);
}

/** What heads learn: as `TokenTargets` has it, weights normalised; [members, batch, time, distances] each. */
export interface HeadTargets {
  /** As replayed: with actionSize numbers each where they are numbers */
  action: tf.Tensor;
  actionWeight: tf.Tensor;
  reward: tf.Tensor;
  rewardWeight: tf.Tensor;
  goesOn: tf.Tensor;
  goesOnWeight: tf.Tensor;
}

/**
 * The losses of policy, reward and continue over all distances (eq. 9): −ln π, the cross entropy of two-hot rewards, and
 * that of whether the episode goes on; [members] each.
 *
 * @param agent h: [members, batch, time, D]
 */
export function headLosses(
  networks: Networks,
  parameters: Parameters,
  agent: tf.Tensor,
  targets: HeadTargets,
): Record<'policy' | 'reward' | 'continue', tf.Tensor1D> {
  const outputs = (name: 'policy' | 'reward' | 'continue') => headOutputs(networks, parameters, name, agent);
  const { space } = networks.head;
  const taken = encodeActions(space, targets.action);
  const imitation = policyLogProbability(space, outputs('policy'), taken);
  const reward = twoHotLoss(outputs('reward'), targets.reward, networks.rewardBins);
  const ends = outputs('continue');
  const goesOn = binaryCrossEntropy(tf.reshape(ends, ends.shape.slice(0, -1)), targets.goesOn);
  return {
    policy: tf.neg(memberSum(tf.mul(imitation, targets.actionWeight))) as tf.Tensor1D,
    reward: memberSum(tf.mul(reward, targets.rewardWeight)),
    continue: memberSum(tf.mul(goesOn, targets.goesOnWeight)),
  };
}
