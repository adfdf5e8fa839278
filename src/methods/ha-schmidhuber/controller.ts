import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { type Space, spaceSize } from '../../envs/spaces.ts';
import { toBox } from '../../models/action-encoding.ts';

/** How a linear controller's outputs stand for actions. */
export interface ControllerHead {
  /** Numbers that it gives. */
  readonly outputs: number;
  /** Actions as networks see them, one-hot or in [−1, 1]: [members, rows, outputs] -> [members, rows, actions]. */
  encode(output: tf.Tensor): tf.Tensor;
  /** Actions to be taken: int32 [members, rows], or numbers in the box, [members, rows, dimensions]. */
  decide(output: tf.Tensor): tf.Tensor;
}

/**
 * a = argmax (W f + b) of choices, a = tanh(W f + b) scaled to a box.
 *
 * Only differences between choices matter, so that W and b have no row for the first one, which scores 0: the same
 * controllers with fewer numbers to search. Of two choices one output's sign remains.
 */
export function controllerHead(space: Space): ControllerHead {
  if (space.kind === 'box') {
    return {
      outputs: spaceSize(space),
      encode: (output) => tf.tanh(output),
      decide: (output) => toBox(space, tf.tanh(output)),
    };
  }
  const choice = (output: tf.Tensor) => {
    const first = tf.zeros([...output.shape.slice(0, -1), 1]);
    return tf.argMax(tf.concat([first, output], -1), -1);
  };
  return {
    outputs: space.n - 1,
    encode: (output) => oneHot(choice(output), space.n),
    decide: choice,
  };
}

/** Numbers of a controller: W, then b. */
export const controllerSize = (features: number, { outputs }: Pick<ControllerHead, 'outputs'>): number =>
  (features + 1) * outputs;

/**
 * W f + b of several controllers, each on as many rows.
 *
 * @param controllers W, row by row of features, then b: [members, controllers, (features + 1) · outputs]
 * @param features f, those of one controller side by side: [members, controllers · rows, features]
 * @returns [members, controllers · rows, outputs]
 */
export function controllerOutput(controllers: tf.Tensor, features: tf.Tensor): tf.Tensor {
  const [members, count, size] = controllers.shape as [number, number, number];
  const [, rows, inputs] = features.shape as [number, number, number];
  const outputs = size / (inputs + 1);
  const [weight, bias] = tf.split(controllers, [inputs * outputs, outputs], 2) as [tf.Tensor, tf.Tensor];
  const product = tf.matMul(
    tf.reshape(features, [members * count, rows / count, inputs]),
    tf.reshape(weight, [members * count, inputs, outputs]),
  );
  return tf.reshape(tf.add(product, tf.reshape(bias, [members * count, 1, outputs])), [
    members,
    rows,
    outputs,
  ]);
}
