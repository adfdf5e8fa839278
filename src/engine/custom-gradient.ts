import * as tf from '@tensorflow/tfjs-core';

/** An operation's value, and how it is differentiated. */
export interface Differentiable<Value extends tf.Tensor, Kept extends tf.Tensor[]> {
  value: Value;
  /** What the gradient needs of it. */
  keep: readonly [...Kept];
  /**
   * From dy and what was kept to one new tensor per operand.
   *
   * @param wanted of each operand whether anything is differentiated by it, here or further back: what is not may be
   *   left out, undefined
   */
  gradient: (dy: Value, kept: Kept, wanted: readonly boolean[]) => (tf.Tensor | undefined)[];
}

/**
 * An operation with a gradient of its own, as one step on the tape: `f` computes the value, unrecorded, and says how it
 * is differentiated.
 *
 * @param operands what the value is differentiated by; everything else that `f` uses is a constant
 */
export function withGradient<Value extends tf.Tensor, Kept extends tf.Tensor[]>(
  operands: readonly tf.Tensor[],
  f: () => Differentiable<Value, Kept>,
): Value {
  const { state } = tf.engine();
  const isRecorded = state.gradientDepth > 0 && state.kernelDepth === 0;
  let kept: tf.Tensor[] = [];
  let differentiate: Differentiable<Value, Kept>['gradient'] | undefined;
  const operation = tf.customGrad<Value>(() => {
    const { value, keep, gradient } = f();
    if (isRecorded) kept = keep.map((tensor) => tf.keep(alias(tensor)));
    differentiate = gradient;
    return { value, gradFunc: unasked };
  });
  const value = operation(...operands);
  if (isRecorded) {
    const node = state.activeTape!.at(-1)!;
    // The tape frees what its steps have saved. tfjs's own way to save clones every tensor by a kernel and records that.
    node.saved = kept;
    // It goes back through copies of its steps that have those inputs alone by which something is differentiated.
    node.gradient = function (this: Pick<typeof node, 'inputs'>, [dy]) {
      const wanted = operands.map((_, i) => `${i}` in this.inputs);
      const gradients = differentiate!(dy as Value, kept as Kept, wanted);
      return Object.fromEntries(gradients.flatMap((given, i) => (given ? [[i, () => given]] : [])));
    };
  }
  return value;
}

/** What tfjs would call where a step on the tape has no gradient of its own. */
function unasked(): never {
  throw new Error('the gradient of an operation that was not recorded');
}

/** Another tensor of the same values, which lives on its own. */
function alias({ dataId, shape, dtype }: tf.Tensor): tf.Tensor {
  const engine = tf.engine();
  engine.backend.incRef(dataId);
  return engine.makeTensorFromTensorInfo({ dataId, shape, dtype }, engine.backend);
}
