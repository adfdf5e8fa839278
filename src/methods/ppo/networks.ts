import * as tf from '@tensorflow/tfjs-core';
import { orthogonal } from '../../nn/initialisers.ts';
import type { HiddenLayers } from '../../nn/mlp.ts';
import { ParameterLayout, type Parameters } from '../../nn/parameters.ts';
import { imageTower, vectorTower } from '../../nn/tower.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type ActionDistribution, type Policy, policyOver } from './policy.ts';
import type { PpoSettings, PpoUpdateSettings } from './settings.ts';

/** Orthogonal weights, √2 times in hidden layers: the initialisation that PPO is usually run with. */
const hiddenLayers: HiddenLayers = { weights: orthogonal, scale: Math.SQRT2 };
/** The actor's last layer starts near zero: a policy that is uniform at first. */
const ACTOR_SCALE = 0.01;
const CRITIC_SCALE = 1;

/** Actor and critic, two networks that share nothing. */
export interface Networks {
  /** In one flat vector: they have one optimizer. */
  readonly layout: ParameterLayout;
  readonly policy: Policy;
  /** What the actor's network says of observations: [members, …, observation] -> [members, …, outputs of the policy]. */
  policyOutput(parameters: Parameters, observation: tf.Tensor): tf.Tensor;
  /** π(· | o): observations are [members, …, observation]. */
  policyAt(parameters: Parameters, observation: tf.Tensor): ActionDistribution;
  /** V(o), in reward units: [members, …, observation] -> [members, …]. */
  value(parameters: Parameters, observation: tf.Tensor): tf.Tensor;
}

/**
 * The networks over an environment's observations: of images their hidden layers stand behind a convolution.
 *
 * @param settings with an encoder where observations are images
 */
export function networks(
  {
    actor,
    critic,
    encoder,
  }: Pick<PpoUpdateSettings, 'actor' | 'critic'> & Partial<Pick<PpoSettings, 'encoder'>>,
  { observation, image, actionSpace }: Pick<AgentSpaces, 'observation' | 'image' | 'actionSpace'>,
): Networks {
  const policy = policyOver(actionSpace, actor.logStd);
  const tower = image
    ? imageTower(image, encoder!, hiddenLayers)
    : vectorTower(observation, 'tanh', hiddenLayers);
  const policyOutput = (parameters: Parameters, observation: tf.Tensor) =>
    tower.apply(parameters, 'actor', actor.hidden.length, observation);
  return {
    layout: new ParameterLayout([
      ...tower.specs('actor', actor.hidden, policy.outputs, ACTOR_SCALE),
      ...policy.specs,
      ...tower.specs('critic', critic.hidden, 1, CRITIC_SCALE),
    ]),
    policy,
    policyOutput,
    policyAt: (parameters, observation) =>
      policy.distribution(parameters, policyOutput(parameters, observation)),
    value: (parameters, observation) =>
      tf.squeeze(tower.apply(parameters, 'critic', critic.hidden.length, observation), [-1]),
  };
}
