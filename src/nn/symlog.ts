import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/**
 * symlog(x) = sign(x) ln(1 + |x|) (Webber 2013), elementwise: near x for small numbers, logarithmic for large ones of
 * either sign. Its gradient is 1 / (1 + |x|).
 *
 * With s = 1 + |x| as rounded, ln(1 + |x|) is ln s + (|x| − (s − 1)) / s up to the square of the rounding, so small
 * numbers keep all their digits. (Neither by log1p nor by sign: the wasm backend has 0 for both of what is below 1e-7.)
 */
export function symlog(x: tf.Tensor): tf.Tensor {
  return withGradient([x], () => {
    const magnitude = tf.abs(x);
    const sum = tf.add(magnitude, 1);
    const lost = tf.sub(magnitude, tf.sub(sum, 1));
    const logarithm = tf.add(tf.log(sum), tf.div(lost, sum));
    return {
      value: tf.mul(tf.step(x, -1), logarithm),
      keep: [sum],
      gradient: (dy, [sum]) => [tf.div(dy, sum)],
    };
  });
}

/**
 * symexp(x) = sign(x) (e^|x| − 1), elementwise: the inverse of `symlog`. Its gradient is e^|x|. Computed as
 * tanh(x / 2) (e^|x| + 1), which is the same and cancels nowhere. Beyond |x| of about 88 it is infinite in float32.
 */
export function symexp(x: tf.Tensor): tf.Tensor {
  return withGradient([x], () => {
    const power = tf.exp(tf.abs(x));
    return {
      value: tf.mul(tf.tanh(tf.mul(x, 0.5)), tf.add(power, 1)),
      keep: [power],
      gradient: (dy, [power]) => [tf.mul(dy, power)],
    };
  });
}
