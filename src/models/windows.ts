import * as tf from '@tensorflow/tfjs-core';
import { actionSize, type Space, spaceSize } from '../envs/spaces.ts';
import { type Actions, emptyActions } from '../training/actions.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Observations } from '../training/observations.ts';
import type { Batch } from '../training/replay.ts';
import { encodeActions } from './action-encoding.ts';

/** Windows of replayed experience as models see them: õ = o / s, actions as networks see them. */
export interface Windows {
  /** õ: [members, batch, time, observation] */
  observation: tf.Tensor4D;
  /** õ′, likewise */
  nextObservation: tf.Tensor4D;
  /** [members, batch, time, actions] */
  action: tf.Tensor;
  /** r, in units of `rewardScale`: [members, batch, time] */
  reward: tf.Tensor3D;
  /** 1 where o′ ends the episode by termination: [members, batch, time] */
  terminated: tf.Tensor3D;
  /** 1 where o starts an episode: [members, batch, time] */
  first: tf.Tensor3D;
}

/** The same of a replayed batch as it is: raw units, and actions as `uploadActions` has them. */
export type BatchTensors = Windows;

export function uploadBatch(
  batch: Batch<Observations>,
  { observation, actionSpace }: AgentSpaces,
): BatchTensors {
  const steps: [number, number, number] = [batch.members, batch.batch, batch.time];
  return {
    observation: uploadObservations(batch.observation, [...steps, observation]) as tf.Tensor4D,
    nextObservation: uploadObservations(batch.nextObservation, [...steps, observation]) as tf.Tensor4D,
    action: uploadActions(batch.action, steps, actionSpace),
    reward: tf.tensor3d(batch.reward, steps),
    terminated: tf.tensor3d(batch.terminated, steps),
    first: tf.tensor3d(batch.first, steps),
  };
}

/** Observations on the engine, float32 however they are kept. */
export const uploadObservations = (observations: Observations, shape: number[]): tf.Tensor =>
  tf.tensor(observations, shape, 'float32');

/** Actions on the engine: indices, int32 of this shape, or numbers in a box, with one axis more. */
export function uploadActions(actions: Actions, shape: number[], space: Space): tf.Tensor {
  return space.kind === 'discrete'
    ? tf.tensor(actions, shape, 'int32')
    : tf.tensor(actions, [...shape, spaceSize(space)], 'float32');
}

/**
 * The actions taken in one member's sequences from some steps on, as networks see them and the same for all members; of
 * steps beyond a sequence's end, the first choice or the numbers 0.
 *
 * @param starts indices into batch × time
 * @returns [members, starts, horizon, actions]
 */
export function actionsFrom(
  { action, time }: Pick<Batch, 'action' | 'time'>,
  starts: readonly number[],
  horizon: number,
  members: number,
  space: Space,
): tf.Tensor4D {
  const width = actionSize(space);
  const actions = emptyActions(space, members * starts.length * horizon);
  const each = starts.length * horizon * width;
  for (let member = 0; member < members; member++) {
    for (const [i, at] of starts.entries()) {
      const end = Math.min(at + horizon, (Math.floor(at / time) + 1) * time);
      actions.set(action.subarray(at * width, end * width), member * each + i * horizon * width);
    }
  }
  return encodeActions(
    space,
    uploadActions(actions, [members, starts.length, horizon], space),
  ) as tf.Tensor4D;
}

/** The windows of a batch. */
export function toWindows(
  { observation, nextObservation, action, reward, terminated, first }: BatchTensors,
  { observationScale, actionSpace, rewardScale }: AgentSpaces,
): Windows {
  const scale = tf.tensor1d([...observationScale]);
  return {
    observation: tf.div(observation, scale),
    nextObservation: tf.div(nextObservation, scale),
    action: encodeActions(actionSpace, action),
    reward: rewardScale === 1 ? reward : tf.div(reward, rewardScale),
    terminated,
    first,
  };
}
