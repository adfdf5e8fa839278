import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { headOutputs } from '../../models/latent/critic.ts';
import type { LatentModel } from '../../models/latent/model.ts';
import type { LatentNetworks } from '../../models/latent/networks.ts';
import { type ActorCritic, stateValue, type ValueSample } from '../../models/latent/value.ts';
import type { Windows } from '../../models/windows.ts';
import { binaryCrossEntropy } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { memberMean, sumOfTerms, type WeighedTerm } from '../../training/reduce.ts';
import { consistency } from './self-prediction.ts';
import type { TdmpcSettings } from './settings.ts';

/** What the losses of a window's steps weigh: constants. */
export interface StepWeights {
  /** 1 up to the end of the episode in which the window begins, 0 after it: [members, batch, time] */
  mask: tf.Tensor3D;
  /** ρ^t times that: [members, batch, time] */
  discounted: tf.Tensor3D;
}

/** Windows may run past an episode's end; what comes after it is of another one, and does not count. */
export function stepWeights({ first }: Pick<Windows, 'first'>, rho: number): StepWeights {
  const [members, batch, time] = first.shape;
  const starts = tf.slice(first, [0, 0, 1], [members, batch, time - 1]);
  const goesOn = tf.concat([tf.ones([members, batch, 1]), tf.sub(1, starts)], 2);
  const mask = tf.cumprod(goesOn, 2) as tf.Tensor3D;
  return { mask, discounted: tf.mul(mask, powers(rho, time)) };
}

/** ρ^t of the first steps: [count]. */
export const powers = (rho: number, count: number): tf.Tensor1D =>
  tf.tensor1d(Array.from({ length: count }, (_, t) => rho ** t));

/** What the model learns to predict: constants, but for z* where the encoder learns to be predicted. */
export interface Targets {
  /** z* of the observations arrived at: [members, batch, time, latent] */
  latent: tf.Tensor4D;
  /** y, in the units that are learnt: [members, batch, time] */
  value: tf.Tensor3D;
}

/**
 * The targets of windows: the latents of what was observed, and
 *
 *   y = r + γ (1 − terminated) min over two of the averaged heads of V(enc(o′))
 *
 * with the encoder and the actor as they are trained. To be called where gradients are stopped.
 *
 * @param average what gives averaged values, and the averaged encoder where targets are its latents
 * @param sample [members, batch · time, …]
 */
export function targets(
  networks: LatentNetworks,
  model: LatentModel,
  average: ActorCritic & { encode?: ((observation: tf.Tensor) => tf.Tensor) | undefined },
  windows: Windows,
  sample: ValueSample,
  gamma: number,
): Targets {
  const { nextObservation, reward, terminated, action } = windows;
  const [members, batch, time] = reward.shape;
  const arrived = model.encode(nextObservation);
  const rows = tf.reshape(arrived, [members, batch * time, -1]);
  const value = stateValue(networks, average, rows, action.shape.at(-1)!, sample, 'min');
  const goesOn = tf.mul(tf.sub(1, terminated), gamma);
  return {
    latent: (average.encode ? average.encode(nextObservation) : arrived) as tf.Tensor4D,
    value: tf.add(reward, tf.mul(goesOn, tf.reshape(value, [members, batch, time]))),
  };
}

/** The terms of the model's loss before their weights, [members] each. */
export interface ModelTerms extends Record<string, tf.Tensor1D> {
  consistency: tf.Tensor1D;
  reward: tf.Tensor1D;
  value: tf.Tensor1D;
}

/**
 * The model's losses, along z_0 = enc(o_0), z_{t+1} = d(z_t, a_t), means over batch, steps t < H and what else is named:
 *
 *   consistency   ρ^t distance of z_{t+1}, or p(z_{t+1}) with a predictor, from z*_{t+1}
 *   reward        ρ^t loss of R(z_t, a_t) and r_t
 *   value         ρ^t loss of Q(z_t, a_t) and y_t      over the heads
 *   continue      BCE(h(z_{t+1}), terminated_t)
 *
 * What the window has after its episode's end counts 0, and the rest as much as it would without.
 *
 * @param critic the parameters of the heads
 * @param settings whose gradients reach the latents, too
 * @returns also z_0 … z_H: [members, batch, time + 1, latent]
 */
export function modelTerms(
  networks: LatentNetworks,
  model: LatentModel,
  critic: Parameters,
  windows: Windows,
  { latent: wanted, value: returns }: Targets,
  { mask, discounted }: StepWeights,
  {
    model: { shapedBy, ...selfPrediction },
    critic: { shapesModel },
  }: Pick<TdmpcSettings, 'model' | 'critic'>,
): { terms: ModelTerms; latents: tf.Tensor4D } {
  const { observation, action, reward, terminated } = windows;
  const [members, batch, time] = reward.shape;
  const first = tf.squeeze(
    tf.slice(observation, [0, 0, 0, 0], [members, batch, 1, observation.shape[3]]),
    [2],
  );
  const latents = [model.encode(first)];
  for (const taken of tf.unstack(action, 2)) latents.push(model.next(latents.at(-1)!, taken));
  const before = tf.stack(latents.slice(0, -1), 2);
  const after = tf.stack(latents.slice(1), 2);
  const rows = [members, batch * time, -1];
  const x = tf.concat([tf.reshape(before, rows), tf.reshape(action, rows)], 2);
  // Without a gradient to what the heads see there is none to the latents.
  const outputs = headOutputs(networks, critic, x, shapesModel);
  const perHead = [members, 1, batch * time];
  const ofEachHead = tf.mul(tf.reshape(returns, perHead), tf.ones(outputs.shape.slice(0, -1)));
  const { code } = networks;
  const terms: ModelTerms = {
    consistency: consistency(model.predictor?.(after) ?? after, wanted, discounted, selfPrediction),
    reward: memberMean(
      tf.mul(code.loss(model.rewardOutput(before, action, shapedBy.reward), reward), discounted),
    ),
    value: memberMean(tf.mul(code.loss(outputs, ofEachHead), tf.reshape(discounted, perHead))),
  };
  if (model.termination) {
    const logit = model.termination(after, shapedBy.continue);
    terms.continue = memberMean(tf.mul(binaryCrossEntropy(logit, terminated), mask));
  }
  return { terms, latents: stopGradient(() => tf.stack(latents, 2)) as tf.Tensor4D };
}

/** The terms with their weights, in the order in which they are summed. */
export const weighedTerms = (terms: ModelTerms, { model: { weights } }: TdmpcSettings): WeighedTerm[] =>
  (['consistency', 'reward', 'value', 'continue'] as const).flatMap((name) =>
    terms[name] ? [[name, terms[name], weights[name]] as const] : [],
  );

/** The weighted sum of the terms: [members]. */
export const modelLoss = (terms: ModelTerms, settings: TdmpcSettings): tf.Tensor1D =>
  sumOfTerms(weighedTerms(terms, settings));
