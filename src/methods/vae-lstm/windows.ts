import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Batch } from '../../training/replay.ts';
import type { Windows } from './losses.ts';

/** A replayed batch on the engine as it is: [members, batch, time] each, observations with one axis more. */
export interface BatchTensors {
  /** o, raw units */
  observation: tf.Tensor4D;
  /** o′, raw units */
  nextObservation: tf.Tensor4D;
  /** int32 */
  action: tf.Tensor3D;
  reward: tf.Tensor3D;
  terminated: tf.Tensor3D;
  first: tf.Tensor3D;
}

export function uploadBatch(batch: Batch, { observation }: AgentSpaces): BatchTensors {
  const steps: [number, number, number] = [batch.members, batch.batch, batch.time];
  return {
    observation: tf.tensor4d(batch.observation, [...steps, observation]),
    nextObservation: tf.tensor4d(batch.nextObservation, [...steps, observation]),
    action: tf.tensor3d(batch.action, steps, 'int32'),
    reward: tf.tensor3d(batch.reward, steps),
    terminated: tf.tensor3d(batch.terminated, steps),
    first: tf.tensor3d(batch.first, steps),
  };
}

/** The windows of a batch: observations divided by their scale, actions one-hot. */
export function toWindows(
  { observation, nextObservation, action, reward, terminated, first }: BatchTensors,
  { observationScale, actions }: AgentSpaces,
): Windows {
  const observations = tf.concat([observation, nextObservation], 2) as tf.Tensor4D;
  return {
    observations: tf.div(observations, tf.tensor1d([...observationScale])),
    action: oneHot(action, actions),
    reward,
    terminated,
    first,
  };
}
