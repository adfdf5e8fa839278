import * as tf from '@tensorflow/tfjs-core';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Batch } from '../training/replay.ts';
import { uploadActions } from './windows.ts';

/** Single transitions (o, a, r, o′), observations and rewards in raw units. */
export interface TransitionTensors {
  /** o: [members, batch, observation] */
  observation: tf.Tensor;
  /** a as networks see it, or, as replayed, as `uploadActions` has it: [members, batch, …] */
  action: tf.Tensor;
  /** r: [members, batch] */
  reward: tf.Tensor;
  /** o′: [members, batch, observation] */
  nextObservation: tf.Tensor;
  /** 1 where o′ ends the episode by termination: [members, batch] */
  terminated: tf.Tensor;
}

/** The transitions of a replayed batch whose windows are one step long, actions as they are. */
export function uploadTransitions(
  batch: Batch,
  { observation, actionSpace }: AgentSpaces,
): TransitionTensors {
  const rows: [number, number] = [batch.members, batch.batch];
  return {
    observation: tf.tensor3d(batch.observation, [...rows, observation]),
    action: uploadActions(batch.action, rows, actionSpace),
    reward: tf.tensor2d(batch.reward, rows),
    nextObservation: tf.tensor3d(batch.nextObservation, [...rows, observation]),
    terminated: tf.tensor2d(batch.terminated, rows),
  };
}

/**
 * r + γ (1 − terminated) v′, what a value of (o, a) is trained towards: [members, batch].
 *
 * @param next v′, what is expected from o′ on: [members, batch]
 * @param gamma γ: [members, 1]
 */
export const bootstrapped = (
  { reward, terminated }: Pick<TransitionTensors, 'reward' | 'terminated'>,
  next: tf.Tensor,
  gamma: tf.Tensor2D,
): tf.Tensor => tf.add(reward, tf.mul(gamma, tf.mul(tf.sub(1, terminated), next)));
