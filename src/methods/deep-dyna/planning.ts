import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import type { Ensemble } from '../../models/ensemble/model.ts';
import { exploration } from '../../models/exploration.ts';
import { type SimulationNoise, simulate } from '../../models/simulation.ts';
import type { TransitionTensors } from '../../models/transitions.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';

/**
 * Transitions that a model makes for an update of Q: from real observations on, with actions that are random or the best by
 * Q, each step by a network of the ensemble drawn for it. After an end that the model foresees another real observation
 * follows: no transition begins where an episode is over.
 *
 * @param values Q(o, ·), o in raw units: [members, rows, observation] -> [members, rows, choices]
 * @param starts o in raw units: [members, batch, horizon, observation]
 * @param noise with `EPSILON_GREEDY_NOISE` for each action
 * @param randomActions the share of random ones
 * @returns [members, batch · horizon, …] each, observations and rewards in raw units
 */
export function imaginedTransitions(
  model: Ensemble,
  values: (observation: tf.Tensor) => tf.Tensor,
  { actionSpace, actions: choices, observationScale, rewardScale }: AgentSpaces,
  starts: tf.Tensor4D,
  noise: SimulationNoise,
  randomActions: number,
): TransitionTensors {
  const scale = tf.tensor1d([...observationScale]);
  const { explore } = exploration(actionSpace, randomActions);
  const choose = (features: tf.Tensor, uniform: tf.Tensor) => {
    const best = tf.argMax(values(tf.mul(model.decode(features), scale)), -1);
    return oneHot(explore(best, uniform), choices);
  };
  const rollout = simulate(model, tf.div(starts, scale), choose, noise);
  const [members, batch, horizon] = rollout.reward.shape;
  const rows = (x: tf.Tensor) => tf.reshape(x, [members, batch * horizon, ...x.shape.slice(3)]);
  return {
    observation: rows(tf.mul(rollout.observation, scale)),
    action: rows(rollout.action),
    reward: rows(tf.mul(rollout.reward, rewardScale)),
    nextObservation: rows(tf.mul(rollout.nextObservation, scale)),
    terminated: rows(rollout.terminated),
  };
}
