import * as tf from '@tensorflow/tfjs-core';

type Attributes = Record<string, number | boolean | readonly number[]>;

/** Runs an engine's own kernel: tensors by name in, tensors out. */
export type OwnKernel = (inputs: Record<string, tf.Tensor>, attributes?: Attributes) => tf.Tensor[];

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

/**
 * The gradients of a layer's operands by an engine's own kernel, which gives that of x where the attribute `inputGradient`
 * is set, and those of all parameters where `weightGradient` is.
 *
 * @param hasInput whether x is the first operand, or none
 * @param wanted of each operand, as `withGradient` tells it
 */
export function ownGradients(
  backward: OwnKernel,
  inputs: Record<string, tf.Tensor>,
  attributes: Attributes,
  hasInput: boolean,
  wanted: readonly boolean[],
): (tf.Tensor | undefined)[] {
  const inputGradient = hasInput && wanted[0]!;
  const weightGradient = wanted.slice(hasInput ? 1 : 0).includes(true);
  const gradients = backward(inputs, { ...attributes, inputGradient, weightGradient });
  return hasInput && !inputGradient ? [undefined, ...gradients] : gradients;
}
