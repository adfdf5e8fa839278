import * as tf from '@tensorflow/tfjs-core';

/** Runs an engine's own kernel: tensors by name in, tensors out. */
export type OwnKernel = (
  inputs: Record<string, tf.Tensor>,
  attributes?: Record<string, number | boolean | readonly number[]>,
) => tf.Tensor[];

/**
 * The active engine's own kernel for a fat operation, or undefined where the operation's portable form has to do. The
 * fat operations of src/nn are written once in tfjs's operations; an engine that has something faster registers it as
 * a tfjs kernel of this name, and this is the one place that asks.
 */
export function ownKernel(name: string): OwnKernel | undefined {
  if (!tf.getKernel(name, tf.getBackend())) return undefined;
  return (inputs, attributes) =>
    tf.engine().runKernel<tf.Tensor[]>(name, inputs, attributes as tf.NamedAttrMap);
}
