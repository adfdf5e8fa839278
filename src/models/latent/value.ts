import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import { headOutputs, judged, twoHeads } from './critic.ts';
import { HIDDEN_LAYERS, network } from './layers.ts';
import type { LatentNetworks } from './networks.ts';
import type { CriticSettings } from './settings.ts';

/** What judges states and what acts in them. */
export interface ActorCritic {
  /** [members, heads, …] */
  critic: Parameters;
  /** Absent where there is no actor. */
  actor?: Parameters;
}

/** The actor's outputs, [members, …, features] -> [members, …, outputs]; the features are constants to it. */
export const actorOutput = (
  actor: Parameters,
  features: tf.Tensor,
  { settings: { layers: kind } }: LatentNetworks,
): tf.Tensor => network(actor, 'actor', HIDDEN_LAYERS, features, { kind }, false);

/**
 * Q of actions by each head, in the units that are learnt.
 *
 * @param features [members, rows, features], constants
 * @param action [members, rows, actions]
 * @returns [members, heads, rows]
 */
export function actionValues(
  networks: LatentNetworks,
  critic: Parameters,
  features: tf.Tensor,
  action: tf.Tensor,
): tf.Tensor {
  return networks.code.mean(headOutputs(networks, critic, tf.concat([features, action], 2)));
}

/** Q of every choice by each head: [members, rows, features] -> [members, heads, rows, choices]. */
export function choiceValues(
  networks: LatentNetworks,
  critic: Parameters,
  features: tf.Tensor,
  choices: number,
): tf.Tensor {
  const [members, rows, size] = features.shape as [number, number, number];
  const each = tf.tile(tf.expandDims(features, 2), [1, 1, choices, 1]);
  const everyChoice = tf.tile(tf.expandDims(tf.eye(choices), 0), [members * rows, 1, 1]);
  const values = actionValues(
    networks,
    critic,
    tf.reshape(each, [members, rows * choices, size]),
    tf.reshape(everyChoice, [members, rows * choices, choices]),
  );
  return tf.reshape(values, [members, networks.critic.heads, rows, choices]);
}

/** What a state's value is sampled with; undefined: of the likeliest action, judged by all heads. */
export interface ValueSample {
  /** Of `PAIR_NOISE`: [members, rows or 1, 2] */
  pair: tf.Tensor;
  /** Of the policy's action; read in a box alone: [members, rows, numbers] */
  action?: tf.Tensor | undefined;
}

/**
 * The value of states, in the units that are learnt:
 *
 *   box               Q(z, a), a ~ π(z)
 *   learned choices   Σ_a π(a | z) Q(z, a)
 *   greedy choices    max_a Q(z, a)
 *
 * each of what two heads, or all, say together.
 *
 * @param features [members, rows, features], constants
 * @param choices numbers of an action as networks see it
 * @returns [members, rows]
 */
export function stateValue(
  networks: LatentNetworks,
  { critic, actor }: ActorCritic,
  features: tf.Tensor,
  choices: number,
  sample: ValueSample | undefined,
  pair: CriticSettings['pair'],
): tf.Tensor {
  const mask = sample && twoHeads(sample.pair, networks.critic.heads);
  const policy = networks.actor?.policy;
  if (policy?.space.kind === 'box') {
    const output = actorOutput(actor!, features, networks);
    const action = sample?.action ? policy.sample(output, sample.action) : policy.likeliest(output);
    return judged(actionValues(networks, critic, features, action), mask, pair);
  }
  const values = choiceValues(networks, critic, features, choices);
  const ofChoices = judged(values, mask && tf.expandDims(mask, 3), pair);
  if (!policy) return tf.max(ofChoices, 2);
  return expectedChoice(policy.logProbabilities!(actorOutput(actor!, features, networks)), ofChoices);
}

/** Σ_a π(a) Q(a) over the last axis, [members, …, choices] -> [members, …]: exact, so that nothing need be sampled. */
export const expectedChoice = (logProbabilities: tf.Tensor, values: tf.Tensor): tf.Tensor =>
  tf.sum(tf.mul(tf.exp(logProbabilities), values), -1);
