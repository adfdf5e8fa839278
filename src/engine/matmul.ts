import * as tf from '@tensorflow/tfjs';

/**
 * Product of two stacks of matrices, one per member: C[m] = op(A[m]) · op(B[m]).
 *
 * The stock wasm kernel is fast (XNNPACK) only for one member without transposes; everything else runs a scalar
 * loop, 25 times slower. There, transposes are made explicit and members are multiplied one at a time.
 *
 * @param a [members, rows, inner], or [members, inner, rows] if `transposeA`
 * @param b [members, inner, columns], or [members, columns, inner] if `transposeB`
 * @returns [members, rows, columns]
 */
export function matMul(a: tf.Tensor3D, b: tf.Tensor3D, transposeA = false, transposeB = false): tf.Tensor3D {
  if (tf.getBackend() !== 'wasm') return tf.matMul(a, b, transposeA, transposeB);
  const left = transposeA ? tf.transpose(a, [0, 2, 1]) : a;
  const right = transposeB ? tf.transpose(b, [0, 2, 1]) : b;
  if (left.shape[0] === 1) return tf.matMul(left, right);
  const rights = tf.unstack(right) as tf.Tensor2D[];
  const products = tf.unstack(left).map((matrix, member) => tf.matMul(matrix, rights[member]!));
  return tf.stack(products) as tf.Tensor3D;
}

/**
 * Sum over rows, as a product with ones: the wasm backend's own sum over an inner axis copies row by row.
 *
 * @param x [members, rows, columns]
 * @returns [members, columns]
 */
export function sumRows(x: tf.Tensor3D): tf.Tensor2D {
  const [members, rows, columns] = x.shape;
  return tf.reshape(matMul(tf.ones([members, 1, rows]), x), [members, columns]);
}
