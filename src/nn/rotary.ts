import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';

/**
 * Rotary positions (Su et al. 2021): number i of the first half of a head and number i of the second are turned against
 * each other by an angle that grows with the position, so that the product of a query and a key knows only how far apart
 * the two stand:
 *
 *   x_i ← x_i cos φ − x_{i + n/2} sin φ      x_{i + n/2} ← x_{i + n/2} cos φ + x_i sin φ      φ = position · base^(−2 i / n)
 *
 * @param x [members, …, positions, n], n even
 * @param positions of each row
 * @returns shaped as x; differentiable
 */
export function rotate(x: tf.Tensor, positions: readonly number[], base: number): tf.Tensor {
  const n = x.shape.at(-1)!;
  const angles = positions.flatMap((position) => {
    const half = anglesAt(position, n, base);
    return [...half, ...half];
  });
  return withGradient([x], () => {
    const [cosines, sines] = [Math.cos, Math.sin].map((of) =>
      tf.tensor2d(angles.map(of), [positions.length, n]),
    );
    return {
      value: tf.add(tf.mul(x, cosines!), tf.mul(quarterTurn(x), sines!)),
      keep: [cosines!, sines!],
      // The same turn back.
      gradient: (dy, [cosines, sines]) => [tf.sub(tf.mul(dy, cosines!), tf.mul(quarterTurn(dy), sines!))],
    };
  });
}

/** φ of each pair of a head of n numbers: [n / 2] */
export const anglesAt = (position: number, n: number, base: number): number[] =>
  Array.from({ length: n / 2 }, (_, i) => position * base ** ((-2 * i) / n));

/** Each pair (a, b) as (−b, a). */
function quarterTurn(x: tf.Tensor): tf.Tensor {
  const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.concat([tf.neg(b), a], -1);
}
