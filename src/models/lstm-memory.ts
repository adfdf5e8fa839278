import * as tf from '@tensorflow/tfjs-core';
import { fanIn, openForgetGate, zeros } from '../nn/initialisers.ts';
import { dense } from '../nn/linear.ts';
import { type LstmState, lstmSequence, lstmStep } from '../nn/lstm.ts';
import type { ParameterSpec, Parameters } from '../nn/parameters.ts';

/** The LSTM by which a world model remembers an episode: h', c' = LSTM([z, a], h, c). */
export function memorySpecs(latent: number, actions: number, units: number): ParameterSpec[] {
  return [
    {
      name: 'dynamics.input.weight',
      shape: [latent + actions, 4 * units],
      initialise: fanIn(latent + actions),
    },
    { name: 'dynamics.input.bias', shape: [4 * units], initialise: openForgetGate },
    { name: 'dynamics.recurrent.weight', shape: [units, 4 * units], initialise: fanIn(units) },
    { name: 'dynamics.recurrent.bias', shape: [4 * units], initialise: zeros },
  ];
}

/** The memory after every step of a sequence, [members, batch, time, units] each. */
export interface SequenceMemory {
  hidden: tf.Tensor4D;
  cell: tf.Tensor4D;
}

/**
 * The memory of a sequence whose latents are given; it starts empty.
 *
 * @param latent z: [members, batch, time, latent]
 * @param action as networks see it: [members, batch, time, actions]
 * @param first 1 where an episode starts, which empties it: [members, batch, time]
 */
export function rememberSequence(
  parameters: Parameters,
  latent: tf.Tensor,
  action: tf.Tensor,
  first: tf.Tensor3D,
): SequenceMemory {
  const input = { weight: parameters.get('dynamics.input.weight'), bias: gateBias(parameters) };
  const gates = dense(tf.concat([latent, action], -1), [input]);
  const weight = parameters.get('dynamics.recurrent.weight') as tf.Tensor3D;
  return lstmSequence(gates as tf.Tensor4D, weight, tf.sub(1, first));
}

/** Where a step begins: a latent with the memory before it, [members, batch, …] each. */
export type RememberedState = Record<'latent' | 'hidden' | 'cell', tf.Tensor>;

/**
 * The state (z, h, c) at every step of a sequence, before its action.
 *
 * @param latent [members, batch, time, latent]
 * @param memory of the same sequence
 * @param first [members, batch, time]
 */
export function sequenceStates(
  latent: tf.Tensor,
  { hidden, cell }: SequenceMemory,
  first: tf.Tensor3D,
): RememberedState {
  return { latent, hidden: stateBefore(hidden, first), cell: stateBefore(cell, first) };
}

/**
 * The memory before every step: that after the one before, empty at the start and where an episode starts.
 *
 * @param after [members, batch, time, units]
 * @param first [members, batch, time]
 */
function stateBefore(after: tf.Tensor4D, first: tf.Tensor3D): tf.Tensor4D {
  const [members, batch, time, units] = after.shape;
  const shifted = tf.concat(
    [tf.zeros([members, batch, 1, units]), tf.slice(after, [0, 0, 0, 0], [members, batch, time - 1, units])],
    2,
  );
  return tf.mul(shifted, tf.expandDims(tf.sub(1, first), 3));
}

/** The state at an episode's start: nothing is remembered. @param latent [members, batch, latent] */
export function firstState(latent: tf.Tensor, units: number): RememberedState {
  const [members, batch] = latent.shape as [number, number];
  const memory = tf.zeros([members, batch, units]);
  return { latent, hidden: memory, cell: memory };
}

/** The one-step function (z, h, c, a) -> (h', c'); forward only. */
export function memoryStep(parameters: Parameters): (state: RememberedState, action: tf.Tensor) => LstmState {
  const step = lstmStep(
    parameters.get('dynamics.input.weight'),
    parameters.get('dynamics.recurrent.weight'),
    gateBias(parameters),
  );
  return (state, action) => step(tf.concat([state.latent, action], -1), state as RememberedState & LstmState);
}

/**
 * The state at an observation of a real episode, from the state before and the action taken there.
 *
 * @param latent of the observation: [members, batch, latent]
 * @param first 1 where an episode starts, whose memory is empty: [members, batch]
 */
export function followedState(
  parameters: Parameters,
  before: RememberedState,
  action: tf.Tensor3D,
  latent: tf.Tensor,
  first: tf.Tensor2D,
): RememberedState {
  const { hidden, cell } = memoryStep(parameters)(before, action);
  const keep = tf.expandDims(tf.sub(1, first), 2);
  return { latent, hidden: tf.mul(hidden, keep), cell: tf.mul(cell, keep) };
}

/** The two biases act as one. */
export const gateBias = (parameters: Parameters): tf.Tensor =>
  tf.add(parameters.get('dynamics.input.bias'), parameters.get('dynamics.recurrent.bias'));
