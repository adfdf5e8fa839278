import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../../engine/own-kernel.ts';
import { fanIn, openForgetGate, zeros } from '../../nn/initialisers.ts';
import { dense, linear, linearSpecs } from '../../nn/linear.ts';
import { type LstmState, lstmSequence, lstmStep } from '../../nn/lstm.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { actorLayers } from '../actor.ts';
import type { Behaviour, Dynamics, Imagination } from '../roll-out.ts';

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
export function stateBefore(after: tf.Tensor4D, first: tf.Tensor3D): tf.Tensor4D {
  const [members, batch, time, units] = after.shape;
  const shifted = tf.concat(
    [tf.zeros([members, batch, 1, units]), tf.slice(after, [0, 0, 0, 0], [members, batch, time - 1, units])],
    2,
  );
  return tf.mul(shifted, tf.expandDims(tf.sub(1, first), 3));
}

/** A latent with the LSTM state before it: where a roll-out starts. z is [members, batch, latent]. */
export interface DynamicsState extends LstmState {
  latent: tf.Tensor3D;
}

/** The one-step function (z, h, c, a) -> (ẑ', h', c') of a roll-out; forward only. */
function dynamicsStep(parameters: Parameters): (state: DynamicsState, action: tf.Tensor) => DynamicsState {
  const step = lstmStep(
    parameters.get('dynamics.input.weight'),
    parameters.get('dynamics.recurrent.weight'),
    gateBias(parameters),
  );
  return (state, action) => {
    const next = step(tf.concat([state.latent, action], -1), state);
    const latent: tf.Tensor3D = tf.add(state.latent, linear(parameters, 'dynamics.latent', next.hidden));
    return { latent, ...next };
  };
}

/** The dynamics of a roll-out; the latent is all that policy and heads see. */
export function vaeLstmDynamics(parameters: Parameters): Dynamics<DynamicsState> {
  let made: ReturnType<typeof dynamicsStep> | undefined;
  // Where a roll-out is one call, no step is ever made.
  const step = () => (made ??= dynamicsStep(parameters));
  return {
    features: ({ latent }) => latent,
    step: (state, action) => step()(state, action),
    rollOut: (start, behaviour) => fusedRollOut(parameters, start, behaviour),
  };
}

/** In one call, where the engine has a kernel for it: with given actions, or with choices. */
function fusedRollOut(
  parameters: Parameters,
  start: DynamicsState,
  behaviour: Behaviour,
): Imagination | undefined {
  const own = ownKernel('RollOut');
  if (!own || ('actor' in behaviour && behaviour.actionSpace.kind !== 'discrete')) return undefined;
  const choice =
    'actor' in behaviour
      ? { gumbel: behaviour.noise, ...actorLayers(behaviour.actor, behaviour.layers) }
      : behaviour;
  const [latent, action, nextLatent] = own({ ...start, ...dynamicsWeights(parameters), ...choice });
  return { latent: latent!, action: action!, nextLatent: nextLatent! };
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
