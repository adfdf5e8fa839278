import * as tf from '@tensorflow/tfjs-core';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Replay } from '../../training/replay.ts';
import { encodedNumber } from '../action-encoding.ts';
import { standardMoments } from '../moments.ts';

/** How many numbers a network sees of a step: õ and a. */
export const inputSize = ({ observation, actions }: Pick<AgentSpaces, 'observation' | 'actions'>): number =>
  observation + actions;

/** How many numbers a standardisation has: means of the inputs, then their σ. */
export const standardisationSize = (spaces: AgentSpaces): number => 2 * inputSize(spaces);

/** That which changes nothing: [members, numbers]. */
export function noStandardisation(members: number, spaces: AgentSpaces): tf.Tensor2D {
  const shape: [number, number] = [members, inputSize(spaces)];
  return tf.concat([tf.zeros(shape), tf.ones(shape)], 1) as tf.Tensor2D;
}

/**
 * Inputs in units of their σ, from their mean on; of õ alone where x has no a.
 *
 * @param x [members, networks, rows, inputs] or [members, networks, rows, observation]
 * @param standardisation [members, numbers]
 */
export function standardise(x: tf.Tensor, standardisation: tf.Tensor2D): tf.Tensor {
  const [members, numbers] = standardisation.shape;
  const size = x.shape[3]!;
  const from = (at: number) =>
    tf.reshape(tf.slice(standardisation, [0, at], [members, size]), [members, 1, 1, size]);
  return tf.div(tf.sub(x, from(0)), from(numbers / 2));
}

/** Writes mean and σ of everything that a replay holds, as networks see it, into a standardisation of one member. */
export function fillStandardisation(replay: Replay, spaces: AgentSpaces, out: Float32Array): void {
  const { observation: size, observationScale, actionSpace, actions } = spaces;
  const observed = replay.values('observation');
  const taken = replay.values('action');
  const inputs = inputSize(spaces);
  const put = (at: number, of: (row: number) => number) => {
    const { mean, std } = standardMoments(replay.size, of);
    out[at] = mean;
    out[inputs + at] = std;
  };
  for (let i = 0; i < size; i++) put(i, (row) => observed[row * size + i]! / observationScale[i]!);
  for (let i = 0; i < actions; i++) put(size + i, (row) => encodedNumber(actionSpace, taken, row, i));
}
