import * as tf from '@tensorflow/tfjs';
import { oneHot } from '../../engine/one-hot.ts';
import type { AgentSpaces } from '../../training/agent.ts';
import type { Batch } from '../../training/replay.ts';
import type { Windows } from './losses.ts';

/** A replayed batch on the engine: observations divided by their scale, actions one-hot. */
export function toWindows(batch: Batch, { observation, observationScale, actions }: AgentSpaces): Windows {
  const steps: [number, number, number] = [batch.members, batch.batch, batch.time];
  const observations = tf.concat(
    [batch.observation, batch.nextObservation].map((values) => tf.tensor4d(values, [...steps, observation])),
    2,
  ) as tf.Tensor4D;
  return {
    observations: tf.div(observations, tf.tensor1d([...observationScale])),
    action: oneHot(tf.tensor3d(batch.action, steps, 'int32'), actions),
    reward: tf.tensor3d(batch.reward, steps),
    terminated: tf.tensor3d(batch.terminated, steps),
    first: tf.tensor3d(batch.first, steps),
  };
}
