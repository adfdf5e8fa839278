import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../../engine/own-kernel.ts';
import { fanIn, openForgetGate, zeros } from '../../nn/initialisers.ts';
import { dense, linear, linearSpecs } from '../../nn/linear.ts';
import { type LstmState, lstmSequence, lstmStep } from '../../nn/lstm.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { Behaviour, Imagination } from '../world-model.ts';

/**
 * The LSTM dynamics: h', c' = LSTM([z, onehot(a)], h, c) and the next latent ẑ' = z + W h' + b, deterministic and
 * residual; W starts at a tenth of the usual scale, so that an untrained model predicts that nothing changes.
 */
export function dynamicsSpecs(latent: number, actions: number, units: number): ParameterSpec[] {
  return [
    {
      name: 'dynamics.input.weight',
      shape: [latent + actions, 4 * units],
      initialise: fanIn(latent + actions),
    },
    { name: 'dynamics.input.bias', shape: [4 * units], initialise: openForgetGate },
    { name: 'dynamics.recurrent.weight', shape: [units, 4 * units], initialise: fanIn(units) },
    { name: 'dynamics.recurrent.bias', shape: [4 * units], initialise: zeros },
    ...linearSpecs('dynamics.latent', units, latent, 0.1),
  ];
}

/** Predictions of a teacher-forced sequence, each [members, batch, time, …]. */
export interface SequencePrediction {
  /** ẑ' of every step: [members, batch, time, latent] */
  predictedLatent: tf.Tensor;
  /** State after every step: [members, batch, time, units] */
  hidden: tf.Tensor4D;
  cell: tf.Tensor4D;
}

/**
 * Predicts every next latent of a sequence from the true latents.
 *
 * @param latent z: [members, batch, time, latent]
 * @param action onehot(a): [members, batch, time, actions]
 * @param first 1 where an episode starts, which zeroes the state: [members, batch, time]
 */
export function predictSequence(
  parameters: Parameters,
  latent: tf.Tensor,
  action: tf.Tensor,
  first: tf.Tensor3D,
): SequencePrediction {
  const input = { weight: parameters.get('dynamics.input.weight'), bias: gateBias(parameters) };
  const gates = dense(tf.concat([latent, action], -1), [input]);
  const weight = parameters.get('dynamics.recurrent.weight') as tf.Tensor3D;
  const { hidden, cell } = lstmSequence(gates as tf.Tensor4D, weight, tf.sub(1, first));
  return { predictedLatent: tf.add(latent, linear(parameters, 'dynamics.latent', hidden)), hidden, cell };
}

/**
 * The state before every step: the state after the one before, zero at the start and where an episode starts.
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

/** Where a step begins: a latent with the LSTM state before it, [members, batch, …] each. */
export type DynamicsState = Record<'latent' | 'hidden' | 'cell', tf.Tensor>;

/**
 * The state (μ, h, c) at every step of a sequence, before its action.
 *
 * @param mean μ: [members, batch, time, latent]
 * @param prediction of the same sequence
 * @param first [members, batch, time]
 */
export function sequenceStates(
  mean: tf.Tensor,
  { hidden, cell }: Pick<SequencePrediction, 'hidden' | 'cell'>,
  first: tf.Tensor3D,
): DynamicsState {
  return { latent: mean, hidden: stateBefore(hidden, first), cell: stateBefore(cell, first) };
}

/** The one-step function (z, h, c, a) -> (ẑ', h', c') of a roll-out; forward only. */
export function dynamicsStep(
  parameters: Parameters,
): (state: DynamicsState, action: tf.Tensor) => DynamicsState {
  const step = lstmStep(
    parameters.get('dynamics.input.weight'),
    parameters.get('dynamics.recurrent.weight'),
    gateBias(parameters),
  );
  return (state, action) => {
    const next = step(tf.concat([state.latent, action], -1), state as DynamicsState & LstmState);
    return { latent: tf.add(state.latent, linear(parameters, 'dynamics.latent', next.hidden)), ...next };
  };
}

/**
 * A roll-out in one call, where the engine has a kernel for it: with given actions, or with choices.
 *
 * @param actor its layers, as `actorLayers` names them
 */
export function fusedRollOut(
  parameters: Parameters,
  actor: () => Record<string, tf.Tensor>,
  start: DynamicsState,
  behaviour: Behaviour,
): Imagination | undefined {
  const own = ownKernel('RollOut');
  if (!own || ('noise' in behaviour && behaviour.head.space.kind !== 'discrete')) return undefined;
  const choice = 'noise' in behaviour ? { gumbel: behaviour.noise, ...actor() } : behaviour;
  const [features, action, nextFeatures] = own({ ...start, ...dynamicsWeights(parameters), ...choice });
  return { features: features!, action: action!, nextFeatures: nextFeatures! };
}

/** All parameters of the dynamics as an engine's roll-out takes them. */
const dynamicsWeights = (parameters: Parameters): Record<string, tf.Tensor> => ({
  inputWeight: parameters.get('dynamics.input.weight'),
  recurrentWeight: parameters.get('dynamics.recurrent.weight'),
  gateBias: gateBias(parameters),
  latentWeight: parameters.get('dynamics.latent.weight'),
  latentBias: parameters.get('dynamics.latent.bias'),
});

/** The two biases act as one. */
const gateBias = (parameters: Parameters) =>
  tf.add(parameters.get('dynamics.input.bias'), parameters.get('dynamics.recurrent.bias'));
