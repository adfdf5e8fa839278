import * as tf from '@tensorflow/tfjs-core';

/** Runs `f` and frees every tensor it made but those it kept with `tf.keep`; unlike `tf.tidy`, for any result type. */
export function scope<T>(f: () => T): T {
  const results: T[] = [];
  tf.tidy(() => {
    results.push(f());
  });
  return results[0]!;
}
