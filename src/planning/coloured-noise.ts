import * as tf from '@tensorflow/tfjs-core';

/**
 * What makes coloured noise of white noise (Timmer and König 1995, as iCEM has it): series whose power spectrum falls with
 * f^−β, the lowest frequency standing for the mean too, of variance about 1.
 *
 * A row of normals are the Fourier coefficients of one series: the real parts of all frequencies, then the imaginary ones of
 * those that have one.
 *
 * @param length of a series
 * @param exponent β; 0 leaves noise as it is
 * @returns [numbers, length]: normals in rows, [series, numbers], times it are series
 */
export function colouring(length: number, exponent: number): tf.Tensor2D {
  if (exponent === 0 || length === 1) return tf.eye(length);
  const frequencies = Math.floor(length / 2) + 1;
  const scale = Array.from({ length: frequencies }, (_, k) => (Math.max(k, 1) / length) ** (-exponent / 2));
  const isEven = length % 2 === 0;
  const energy = scale
    .slice(1)
    .reduce((sum, s, i) => sum + (isEven && i === frequencies - 2 ? s / 2 : s) ** 2, 0);
  const sigma = 2 * Math.sqrt(energy);
  // Coefficients of frequencies without an imaginary part stand once in the sum, the others with their conjugates.
  const isReal = (k: number) => k === 0 || (isEven && k === frequencies - 1);
  const wave = (k: number, of: (angle: number) => number) =>
    Array.from(
      { length },
      (_, t) => ((isReal(k) ? 1 : 2) * scale[k]! * of((2 * Math.PI * k * t) / length)) / sigma,
    );
  const all = Array.from({ length: frequencies }, (_, k) => k);
  return tf.tensor2d([
    ...all.map((k) => wave(k, Math.cos)),
    ...all.filter((k) => !isReal(k)).map((k) => wave(k, (angle) => -Math.sin(angle))),
  ]);
}

/**
 * Noise of plans whose numbers are coloured over time.
 *
 * @param white [rows, plans, size], horizon · actions numbers of each plan
 * @returns [rows, plans, horizon, actions]
 */
export function coloured(
  white: tf.Tensor,
  [rows, plans, horizon, actions]: readonly [number, number, number, number],
  exponent: number,
): tf.Tensor4D {
  const series = tf.reshape(white, [rows * plans * actions, horizon]);
  const over = tf.matMul(series, colouring(horizon, exponent));
  return tf.transpose(tf.reshape(over, [rows, plans, actions, horizon]), [0, 1, 3, 2]);
}
