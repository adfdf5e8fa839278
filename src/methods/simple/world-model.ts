import * as tf from '@tensorflow/tfjs-core';
import { encodeActions, toBox } from '../../models/action-encoding.ts';
import { discreteLatentModel } from '../../models/discrete-latent/model.ts';
import type { OneStepModel } from '../../models/one-step-model.ts';
import type { ActionSampler } from '../../models/policy-head.ts';
import { type SimulationNoise, simulate } from '../../models/simulation.ts';
import type { WorldModel } from '../../models/world-model.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Networks } from '../ppo/networks.ts';
import type { Rollout } from '../ppo/update.ts';
import type { SimpleSettings } from './settings.ts';

/** The world model, with the policy that learns in it and its value. */
export type InhabitedModel = OneStepModel &
  Required<Pick<WorldModel<{ features: tf.Tensor }>, 'policy' | 'value'>>;

/** What such a model is made of. */
export interface InhabitedWeights {
  model: Parameters;
  standardisation: tf.Tensor2D;
  /** Actor and critic. */
  policy: Parameters;
}

/**
 * Actor and critic see õ, as the model does. Values are (1 − γ) times the discounted sum of rewards in units of
 * `rewardScale`, between −1 and 1 whatever the task: PPO's critic shares a learning rate and a gradient norm with its actor.
 */
export function worldModel(
  { policyOutput, value }: Networks,
  { model: settings, ppo }: SimpleSettings,
  spaces: AgentSpaces,
  { model: parameters, standardisation, policy }: InhabitedWeights,
): InhabitedModel {
  const model = discreteLatentModel(parameters, standardisation, settings, spaces);
  return {
    ...model,
    policy: (features) => policyOutput(policy, model.decode(features)),
    value: (features) => value(policy, model.decode(features)),
    valueScale: 1 - ppo.gamma,
  };
}

/** How PPO's policy picks actions, as networks see them; numbers beyond the box stay so. */
export const samplerOf = (
  { policy }: Networks,
  parameters: Parameters,
  { actionSpace: space }: Pick<AgentSpaces, 'actionSpace'>,
): ActionSampler => ({
  space,
  noise: policy.noise,
  sample: (output, noise) => encodeActions(space, policy.distribution(parameters, output).choose(noise)),
});

/**
 * A roll-out in the model, as PPO learns from it.
 *
 * @param starts õ, see `simulate`
 */
export function simulatedRollout(
  model: InhabitedModel,
  { sample }: ActionSampler,
  { actionSpace }: Pick<AgentSpaces, 'actionSpace'>,
  starts: tf.Tensor4D,
  noise: SimulationNoise,
): Rollout {
  const choose = (features: tf.Tensor, drawn: tf.Tensor) => sample(model.policy(features), drawn);
  const rollout = simulate(model, starts, choose, noise);
  return {
    ...rollout,
    reward: tf.mul(rollout.reward, model.valueScale),
    action: actionSpace.kind === 'box' ? toBox(actionSpace, rollout.action) : rollout.action,
  };
}
