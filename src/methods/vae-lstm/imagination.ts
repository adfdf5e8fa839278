import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../../engine/own-kernel.ts';
import type { Space } from '../../envs/spaces.ts';
import { actorLayers, policyOutput, sampleEncoded } from '../../models/actor.ts';
import { type DynamicsState, dynamicsStep, dynamicsWeights } from '../../models/vae-lstm/dynamics.ts';
import { continueLogit, predictReward, type ValueFunction } from '../../models/vae-lstm/heads.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { lambdaReturn, quantileRange } from '../../training/returns.ts';
import type { VaeLstmSettings } from './settings.ts';

/** Imagined trajectories, `[members, starts, horizon, …]`. */
export interface Imagination {
  /** z_t, where the action is taken */
  latent: tf.Tensor;
  /** a_t as networks see it: one-hot, or in [−1, 1] */
  action: tf.Tensor;
  /** ẑ_{t+1} */
  nextLatent: tf.Tensor;
}

/** The actor as a roll-out samples it. */
export interface SampledActor {
  actor: Parameters;
  layers: number;
  actionSpace: Space;
  /** [members, starts, horizon, numbers of `actionNoise`] */
  noise: tf.Tensor4D;
}

/** What picks the actions of a roll-out: the actor, or the past, [members, starts, horizon, actions] as networks see it. */
export type Behaviour = SampledActor | { actions: tf.Tensor4D };

/** Rolls the model out from the start states, for as many steps as the behaviour has; forward only. */
export function imagine(model: Parameters, start: DynamicsState, behaviour: Behaviour): Imagination {
  return fusedRollOut(model, start, behaviour) ?? rollOut(model, start, behaviour);
}

/** In one call, where the engine has a kernel for it: with given actions, or with choices. */
function fusedRollOut(
  model: Parameters,
  start: DynamicsState,
  behaviour: Behaviour,
): Imagination | undefined {
  const own = ownKernel('RollOut');
  if (!own || ('actor' in behaviour && behaviour.actionSpace.kind !== 'discrete')) return undefined;
  const choice =
    'actor' in behaviour
      ? { gumbel: behaviour.noise, ...actorLayers(behaviour.actor, behaviour.layers) }
      : behaviour;
  const [latent, action, nextLatent] = own({ ...start, ...dynamicsWeights(model), ...choice });
  return { latent: latent!, action: action!, nextLatent: nextLatent! };
}

/** Step by step. */
function rollOut(model: Parameters, start: DynamicsState, behaviour: Behaviour): Imagination {
  const step = dynamicsStep(model);
  const given = tf.unstack('actor' in behaviour ? behaviour.noise : behaviour.actions, 2);
  const latents: tf.Tensor[] = [start.latent];
  const actions: tf.Tensor[] = [];
  let state = start;
  for (const noiseOrAction of given) {
    const action =
      'actor' in behaviour
        ? sampleEncoded(
            behaviour.actionSpace,
            policyOutput(behaviour.actor, behaviour.layers, state.latent),
            noiseOrAction,
          )
        : noiseOrAction;
    state = step(state, action);
    actions.push(action);
    latents.push(state.latent);
  }
  return {
    latent: tf.stack(latents.slice(0, -1), 2),
    action: tf.stack(actions, 2),
    nextLatent: tf.stack(latents.slice(1), 2),
  };
}

/** What the actor and the critic learn from; every tensor but the range is [members, starts, horizon]. */
export interface ImaginedReturns {
  /** w_t: the product of the continue probabilities before t */
  weight: tf.Tensor3D;
  /** ĉ_{t+1} */
  continueProbability: tf.Tensor3D;
  /** R_t, rewards scaled by (1 − γ) */
  returns: tf.Tensor3D;
  /** A_t, divided by the range of returns */
  advantage: tf.Tensor3D;
}

/**
 * Returns and advantages of imagined trajectories.
 *
 *   bootstrapped:  R = λ-return with discount γ ĉ, ended by V̄;             A = R − V
 *   otherwise:     R = Σ (Π γ ĉ) r̂ up to the horizon, without bootstrap;   A = R − mean of R over the starts
 *
 * Both advantages are divided by max(floor, P95 − P5 of R over starts × horizon).
 *
 * @param valueOfLatent V(z_t), [members, starts, horizon]; undefined for an arm without a critic
 * @param target V̄
 */
export function imaginedReturns(
  model: Parameters,
  target: ValueFunction | undefined,
  imagination: Imagination,
  valueOfLatent: tf.Tensor | undefined,
  settings: VaeLstmSettings,
): ImaginedReturns & { lambdaReturns: tf.Tensor3D | undefined } {
  const { gamma, critic, actor } = settings;
  const { nextLatent } = imagination;
  const reward: tf.Tensor3D = tf.mul(predictReward(model, nextLatent), 1 - gamma);
  const continueProbability = (
    settings.model.continueHead
      ? tf.sigmoid(continueLogit(model, settings.model.hidden.length, nextLatent))
      : tf.onesLike(reward)
  ) as tf.Tensor3D;
  const discount: tf.Tensor3D = tf.mul(continueProbability, gamma);
  const lambdaReturns = target
    ? lambdaReturn(reward, discount, target(nextLatent) as tf.Tensor3D, critic.returnLambda)
    : undefined;

  let returns: tf.Tensor3D;
  let advantage: tf.Tensor3D;
  if (critic.bootstrapsActor) {
    returns = lambdaReturns!;
    advantage = tf.sub(returns, valueOfLatent!);
  } else {
    returns = lambdaReturn(reward, discount, tf.zerosLike(reward), 1);
    advantage = tf.sub(returns, tf.mean(returns, 1, true));
  }
  const members = returns.shape[0];
  const range = quantileRange(tf.reshape(returns, [members, -1]), 0.05, 0.95);
  const scale = tf.reshape(tf.maximum(range, actor.returnRangeFloor), [members, 1, 1]);
  const scaledAdvantage: tf.Tensor3D = tf.div(advantage, scale);
  return {
    weight: tf.cumprod(continueProbability, 2, true) as tf.Tensor3D,
    continueProbability,
    returns,
    lambdaReturns,
    advantage: scaledAdvantage,
  };
}
