import * as tf from '@tensorflow/tfjs-core';
import type { DecisionInputs, DecisionTensors } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { flatMemory, memorySize } from '../../models/shortcut/networks.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type ImaginingWeights, takeIn } from './imagination.ts';
import { type Networks, nearest } from './networks.ts';

type ActingSpaces = Pick<AgentSpaces, 'actions' | 'actionSpace'>;

/** Numbers that are carried from step to step: whether an episode is going on, the action before, and the memory. */
export const carrySize = ({ shape }: Networks, { actions }: ActingSpaces): number =>
  1 + actions + memorySize(shape);

/** Takes in the frame at hand, clean, and acts by what the agent's lane knows then. */
export function decide(
  networks: Networks,
  { actions: count, actionSpace }: ActingSpaces,
  { weights, observations, carry, noise }: DecisionInputs<ImaginingWeights>,
): DecisionTensors {
  const [isGoing, before, remembered] = tf.split(carry!, [1, count, memorySize(networks.shape)], 2);
  const { state, agent } = takeIn(networks, weights, {
    ...{ observation: observations, isGoing: isGoing! },
    ...{ action: before!, memory: remembered! },
  });
  const output = nearest(networks, networks.policy.unpack(weights.policy), 'policy', agent);
  const actions = networks.head.decide(output, noise);
  const taken = encodeActions(actionSpace, actions);
  return {
    actions,
    carry: tf.concat([tf.onesLike(isGoing!), taken, flatMemory(state.memory)], 2),
  };
}
