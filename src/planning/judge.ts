import * as tf from '@tensorflow/tfjs-core';
import { type ImaginedRewards, imaginedRewards } from '../models/imagined-rewards.ts';
import { rollOut } from '../models/roll-out.ts';
import { repeatRows, repeatStates } from '../models/rows.ts';
import type { Imagination, States, ValueNoise, WorldModel } from '../models/world-model.ts';
import type { Noise } from '../training/acting.ts';
import type { Ground, PlannableModel } from './planner.ts';
import type { PlannerSettings } from './settings.ts';

/** What a plan counts for that leads a model to numbers that are none: less than any other, but not −∞, whose weight is none. */
export const WORST = -1e30;

/** How plans are judged: the settings that all planners share, with what the model has. */
export interface Judgement {
  horizon: number;
  termination: PlannerSettings['termination'];
  /** γ of the value that stands at the end, as far as ĉ has not learnt it; undefined: none does */
  bootstrap: number | undefined;
  /** γ that ĉ has learnt: what it predicts of an episode that is sure to go on; 1 where it has learnt none */
  learntGamma: number;
}

export const judgement = (
  { horizon, termination, terminalValue }: Pick<PlannerSettings, 'horizon' | 'termination' | 'terminalValue'>,
  { model, gamma, learntGamma }: Pick<Ground, 'gamma' | 'learntGamma'> & { model: Pick<WorldModel, 'value'> },
): Judgement => ({
  horizon,
  termination,
  bootstrap: terminalValue !== false && model.value ? gamma : undefined,
  learntGamma,
});

/**
 * What judging some plans is random by, in one environment: the model's steps, one noise after the other, then where a
 * value stands at the end what that is sampled with.
 */
export function judgingNoise<State extends States>(
  model: WorldModel<State>,
  { horizon, bootstrap }: Judgement,
  plans: number,
): Noise[] {
  const rollOuts = plans * (model.particles?.number ?? 1);
  return [
    ...(model.stepNoise ?? []).map(({ distribution, size }) => ({
      distribution,
      size: rollOuts * horizon * size,
    })),
    ...valueNoise(model, bootstrap).map(({ distribution, size, shared }) => ({
      distribution,
      size: shared ? size : rollOuts * size,
    })),
  ];
}

const valueNoise = <State extends States>(
  model: WorldModel<State>,
  bootstrap: number | undefined,
): readonly ValueNoise[] => (bootstrap === undefined ? [] : (model.valueNoise ?? []));

/**
 * The return that a model predicts of each plan, from the state of the plan's environment:
 *
 *   Σ_{t<H} γ^t w_t r̂_{t+1} + γ^H w_H V(s_H)
 *
 * γ and the value at the end only with a `bootstrap`. w_t is how sure it is that the episode still goes on at t: soft,
 * the product of the continue probabilities ĉ before; hard, 1 until one of them is below a half. A ĉ that has learnt γ, as
 * Dreamer v3's, discounts in both: it is γ times a probability, and hard it is γ until that is below a half. A return that
 * is no finite number is `WORST`.
 *
 * @param state the present one: [members, environments, …] each
 * @param plans as networks see actions: [members · environments, plans, horizon, actions]
 * @param noise of `judgingNoise`: [members, environments, size] each
 * @returns [members · environments, plans]
 */
export function predictedReturns<State extends States>(
  model: PlannableModel<State>,
  { horizon, bootstrap, ...ends }: Judgement,
  state: State,
  plans: tf.Tensor4D,
  noise: readonly tf.Tensor3D[],
): tf.Tensor2D {
  const [members, environments] = Object.values(state)[0]!.shape as [number, number];
  const [rows, each, , actions] = plans.shape;
  const particles = model.particles?.number ?? 1;
  const batch = environments * each * particles;
  const ofPlans = tf.reshape(plans, [members, environments * each, horizon, actions]);
  const repeated = repeatStates(state, each);
  const start = model.particles ? model.particles.spread(repeated) : repeated;
  const behaviour = {
    actions: (particles > 1 ? repeatRows(ofPlans, particles) : ofPlans) as tf.Tensor4D,
  };
  const steps = noise.slice(0, model.stepNoise?.length ?? 0);
  const stepNoise = joined(steps.map((x) => tf.reshape(x, [members, batch, horizon, -1]))) as
    | tf.Tensor4D
    | undefined;
  const imagined = rollOut(model, start, behaviour, stepNoise);
  const { reward, weight, alive } = weighted(imaginedRewards(model, imagined), ends);
  let returns: tf.Tensor = tf.sum(tf.mul(discounted(weight, bootstrap), reward), 2);
  if (bootstrap !== undefined) {
    const last = (x: tf.Tensor) => tf.squeeze(tf.slice(x, [0, 0, horizon - 1], [members, batch, 1]), [2]);
    const reached = tf.mul(last(weight), last(alive));
    const sampled = valueNoise(model, bootstrap).map(({ shared }, i) => {
      const ofValue = noise[steps.length + i]!;
      return shared ? repeatRows(ofValue, each * particles) : tf.reshape(ofValue, [members, batch, -1]);
    });
    const value = model.value!(lastFeatures(imagined), joined(sampled));
    returns = tf.add(returns, tf.mul(reached, tf.mul(value, bootstrap ** horizon / model.valueScale)));
  }
  if (particles > 1) returns = tf.mean(tf.reshape(returns, [rows, each, particles]), 2);
  const perPlan = tf.reshape(returns, [rows, each]) as tf.Tensor2D;
  return tf.where(tf.isFinite(perPlan), perPlan, tf.fill([rows, each], WORST));
}

/** What lies along the last axis of several tensors, side by side; undefined where there are none. */
const joined = (parts: readonly tf.Tensor[]): tf.Tensor | undefined =>
  parts.length > 0 ? tf.concat([...parts], parts[0]!.rank - 1) : undefined;

/**
 * Rewards with what they count for, and whether the episode goes on after each, with the γ that ĉ has learnt:
 * [members, batch, horizon] each.
 */
export function weighted(
  { reward, continueProbability, weight }: ImaginedRewards,
  { termination, learntGamma }: Pick<Judgement, 'termination' | 'learntGamma'>,
): { reward: tf.Tensor3D; weight: tf.Tensor3D; alive: tf.Tensor3D } {
  if (termination === 'soft') return { reward, weight, alive: continueProbability };
  const goesOn = tf.cast(tf.greaterEqual(continueProbability, learntGamma / 2), 'float32');
  const alive = (learntGamma === 1 ? goesOn : tf.mul(goesOn, learntGamma)) as tf.Tensor3D;
  return { reward, weight: tf.cumprod(alive, 2, true) as tf.Tensor3D, alive };
}

/** Weights times γ^t; as they are without a γ. */
function discounted(weight: tf.Tensor3D, gamma: number | undefined): tf.Tensor3D {
  if (gamma === undefined || gamma === 1) return weight;
  const powers = Array.from({ length: weight.shape[2] }, (_, t) => gamma ** t);
  return tf.mul(weight, tf.tensor1d(powers));
}

/** Of the state after the last step: [members, batch, features]. */
function lastFeatures({ nextFeatures }: Imagination): tf.Tensor3D {
  const [members, batch, horizon, features] = nextFeatures.shape as [number, number, number, number];
  const last = tf.slice(nextFeatures, [0, 0, horizon - 1, 0], [members, batch, 1, features]);
  return tf.squeeze(last, [2]);
}
