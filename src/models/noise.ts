import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../random/stream.ts';
import { fillNoise, type Noise } from '../training/acting.ts';

/**
 * Noise of all members on the engine, each member's drawn from its own stream.
 *
 * @param shape of one member's, but for the noise's own numbers
 * @param streams one per member
 * @returns [members, …shape, numbers of the noise]
 */
export function drawNoise(
  noise: Noise,
  shape: readonly number[],
  streams: readonly RandomStream[],
): tf.Tensor {
  const each = tf.util.sizeFromShape([...shape, noise.size]);
  const numbers = new Float32Array(streams.length * each);
  for (const [member, random] of streams.entries()) {
    fillNoise(random, noise, numbers.subarray(member * each, (member + 1) * each));
  }
  return tf.tensor(numbers, [streams.length, ...shape, noise.size]);
}
