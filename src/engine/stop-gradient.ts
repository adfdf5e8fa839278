import * as tf from '@tensorflow/tfjs-core';

/**
 * sg(·): evaluates `f` without recording it on the gradient tape, so that its results count as constants.
 *
 * tfjs records an operation only at kernel depth 0; one level deeper is how its own composite kernels hide their
 * inner operations from the tape.
 */
export function stopGradient<T>(f: () => T): T {
  const { state } = tf.engine();
  state.kernelDepth++;
  try {
    return f();
  } finally {
    state.kernelDepth--;
  }
}
