import * as tf from '@tensorflow/tfjs-core';

/**
 * An operation with a gradient of its own, as one step on the tape: `f` computes the value, unrecorded, and says what
 * the gradient needs of it.
 *
 * @param operands what the value is differentiated by; everything else that `f` uses is a constant
 * @param f gives the value, the tensors to keep for the gradient, and the gradient: from dy and what was kept to one
 *   new tensor per operand
 */
export function withGradient<Value extends tf.Tensor, Kept extends tf.Tensor[]>(
  operands: readonly tf.Tensor[],
  f: () => { value: Value; keep: readonly [...Kept]; gradient: (dy: Value, kept: Kept) => tf.Tensor[] },
): Value {
  const { state } = tf.engine();
  const isRecorded = state.gradientDepth > 0 && state.kernelDepth === 0;
  let kept: tf.Tensor[] = [];
  const operation = tf.customGrad<Value>(() => {
    const { value, keep, gradient } = f();
    if (isRecorded) kept = keep.map((tensor) => tf.keep(alias(tensor)));
    return { value, gradFunc: (dy) => gradient(dy, kept as Kept) };
  });
  const value = operation(...operands);
  // The tape frees what its steps have saved. tfjs's own way to save clones every tensor by a kernel and records that.
  if (isRecorded) state.activeTape!.at(-1)!.saved = kept;
  return value;
}

/** Another tensor of the same values, which lives on its own. */
function alias({ dataId, shape, dtype }: tf.Tensor): tf.Tensor {
  const engine = tf.engine();
  engine.backend.incRef(dataId);
  return engine.makeTensorFromTensorInfo({ dataId, shape, dtype }, engine.backend);
}
