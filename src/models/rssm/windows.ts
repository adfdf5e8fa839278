import * as tf from '@tensorflow/tfjs-core';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { StepBatch } from '../../training/steps.ts';
import { encodeActions } from '../action-encoding.ts';
import { uploadActions } from '../windows.ts';
import type { StepWindows } from './losses.ts';
import type { RssmSettings } from './settings.ts';

/** A replayed batch of steps on the engine as it is: raw units, and actions as `uploadActions` has them. */
export interface StepTensors extends Omit<StepWindows, 'start'> {
  /** h and z of the step before each window: [members, batch, features] */
  before: tf.Tensor3D;
}

export function uploadSteps(batch: StepBatch, { observation, actionSpace }: AgentSpaces): StepTensors {
  const { members, batch: windows, time } = batch;
  const steps: [number, number, number] = [members, windows, time];
  const each = (values: Float32Array) => tf.tensor3d(values, steps);
  return {
    observation: tf.tensor4d(batch.observation, [...steps, observation]),
    action: uploadActions(batch.action, steps, actionSpace),
    reward: each(batch.reward),
    first: each(batch.first),
    last: each(batch.last),
    terminal: each(batch.terminal),
    before: tf.tensor3d(batch.before, [members, windows, batch.before.length / (members * windows)]),
  };
}

/** The windows of a batch. */
export function toStepWindows(
  { observation, action, before, ...steps }: StepTensors,
  { observationScale, actionSpace, rewardScale }: AgentSpaces,
  { deter, scaledRewards }: Pick<RssmSettings, 'deter' | 'scaledRewards'>,
): StepWindows {
  const [h, z] = tf.split(before, [deter, before.shape[2] - deter], 2) as [tf.Tensor, tf.Tensor];
  return {
    ...steps,
    reward: scaledRewards ? tf.div(steps.reward, rewardScale) : steps.reward,
    observation: tf.div(observation, tf.tensor1d([...observationScale])),
    action: encodeActions(actionSpace, action),
    start: { deter: h, stoch: z },
  };
}
