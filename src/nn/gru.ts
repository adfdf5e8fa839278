import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';

/** Subtracted from the update gate's input: memory starts out slow to change. */
const UPDATE_BIAS = 1;

/**
 * The gated recurrent unit's step (Cho et al. 2014) from the gates' pre-activations, as Dreamer has it since v2: the reset
 * gate acts on the candidate.
 *
 *   h′ = u ⊙ tanh(σ(r) ⊙ c) + (1 − u) ⊙ h,   u = σ(update − 1)
 *
 * @param gates reset r, candidate c and update of each block side by side: [members, …, blocks · 3 · units / blocks]
 * @param hidden h: [members, …, units]
 * @param blocks into which the units are split
 * @returns h′, shaped as h
 */
export function gruStep(gates: tf.Tensor, hidden: tf.Tensor, blocks = 1): tf.Tensor {
  return ownStep(gates, hidden, blocks) ?? portableStep(gates, hidden, blocks);
}

/** The step in one call; undefined where no engine's kernel does it. */
function ownStep(gates: tf.Tensor, hidden: tf.Tensor, blocks: number): tf.Tensor | undefined {
  const forward = ownKernel('GruStep');
  const backward = ownKernel('GruStepGradient');
  if (!forward || !backward) return undefined;
  return withGradient([gates, hidden], () => ({
    value: forward({ gates, hidden }, { blocks })[0]!,
    keep: [gates, hidden],
    gradient: (dy, [gates, hidden]) => backward({ dy, gates, hidden }, { blocks }),
  }));
}

/** The same in tfjs's operations. */
function portableStep(gates: tf.Tensor, hidden: tf.Tensor, blocks: number): tf.Tensor {
  return withGradient([gates, hidden], () => {
    const shape = [...hidden.shape.slice(0, -1), blocks, hidden.shape.at(-1)! / blocks];
    const h = tf.reshape(hidden, shape);
    const [r, c, u] = tf.split(tf.reshape(gates, [...shape.slice(0, -1), -1]), 3, -1) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const reset = tf.sigmoid(r);
    const candidate = tf.tanh(tf.mul(reset, c));
    const update = tf.sigmoid(tf.sub(u, UPDATE_BIAS));
    const change = tf.sub(candidate, h);
    return {
      value: tf.reshape(tf.add(h, tf.mul(update, change)), hidden.shape),
      keep: [reset, c, candidate, update, change],
      gradient: (dy, [reset, c, candidate, update, change]) => {
        const d = tf.reshape(dy, shape);
        const dUpdate = tf.mul(tf.mul(d, change!), slope(update!));
        // d tanh(x) = 1 − tanh²(x), x = σ(r) c
        const dProduct = tf.mul(tf.mul(d, update!), tf.sub(1, tf.square(candidate!)));
        const dCandidate = tf.mul(dProduct, reset!);
        const dReset = tf.mul(tf.mul(dProduct, c!), slope(reset!));
        const dGates = tf.concat([dReset, dCandidate, dUpdate], -1);
        const dHidden = tf.mul(d, tf.sub(1, update!));
        return [tf.reshape(dGates, gates.shape), tf.reshape(dHidden, dy.shape)];
      },
    };
  });
}

/** d σ(x) = σ(x) (1 − σ(x)), of the sigmoid's value. */
const slope = (sigmoid: tf.Tensor) => tf.sub(sigmoid, tf.square(sigmoid));
