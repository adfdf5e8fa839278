import * as tf from '@tensorflow/tfjs-core';
import { type Space, spaceSize } from '../../envs/spaces.ts';
import { encodeActions } from '../../models/actor.ts';
import type { Actions } from '../../training/actions.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Batch } from '../../training/replay.ts';
import type { Windows } from './losses.ts';

/** A replayed batch on the engine as it is: [members, batch, time] each, observations with one axis more. */
export interface BatchTensors {
  /** o, raw units */
  observation: tf.Tensor4D;
  /** o′, raw units */
  nextObservation: tf.Tensor4D;
  /** Indices, int32, or numbers in a box, with one axis more */
  action: tf.Tensor;
  reward: tf.Tensor3D;
  terminated: tf.Tensor3D;
  first: tf.Tensor3D;
}

export function uploadBatch(batch: Batch, { observation, actionSpace }: AgentSpaces): BatchTensors {
  const steps: [number, number, number] = [batch.members, batch.batch, batch.time];
  return {
    observation: tf.tensor4d(batch.observation, [...steps, observation]),
    nextObservation: tf.tensor4d(batch.nextObservation, [...steps, observation]),
    action: uploadActions(batch.action, steps, actionSpace),
    reward: tf.tensor3d(batch.reward, steps),
    terminated: tf.tensor3d(batch.terminated, steps),
    first: tf.tensor3d(batch.first, steps),
  };
}

/** Actions on the engine: indices, int32 of this shape, or numbers in a box, with one axis more. */
export function uploadActions(actions: Actions, shape: number[], space: Space): tf.Tensor {
  return space.kind === 'discrete'
    ? tf.tensor(actions, shape, 'int32')
    : tf.tensor(actions, [...shape, spaceSize(space)], 'float32');
}

/** The windows of a batch: observations divided by their scale, actions as networks see them, rewards in units of `rewardScale`. */
export function toWindows(
  { observation, nextObservation, action, reward, terminated, first }: BatchTensors,
  { observationScale, actionSpace, rewardScale }: AgentSpaces,
): Windows {
  const observations = tf.concat([observation, nextObservation], 2) as tf.Tensor4D;
  return {
    observations: tf.div(observations, tf.tensor1d([...observationScale])),
    action: encodeActions(actionSpace, action),
    reward: rewardScale === 1 ? reward : tf.div(reward, rewardScale),
    terminated,
    first,
  };
}
