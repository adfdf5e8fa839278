import * as tf from '@tensorflow/tfjs';

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
  const operation = tf.customGrad<Value>((...operandsAndSave) => {
    const { value, keep, gradient } = f();
    const save = operandsAndSave.at(-1) as tf.GradSaveFunc;
    save([...keep]);
    return { value, gradFunc: (dy, kept) => gradient(dy, kept as Kept) };
  });
  return operation(...operands);
}
