import * as tf from '@tensorflow/tfjs-core';
import { ownKernel } from '../../engine/own-kernel.ts';
import { linear, linearSpecs } from '../../nn/linear.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import {
  gateBias,
  memorySpecs,
  memoryStep,
  type RememberedState,
  rememberSequence,
  type SequenceMemory,
} from '../lstm-memory.ts';
import type { Behaviour, Imagination } from '../world-model.ts';

/**
 * The LSTM dynamics: h', c' = LSTM([z, onehot(a)], h, c) and the next latent ẑ' = z + W h' + b, deterministic and
 * residual; W starts at a tenth of the usual scale, so that an untrained model predicts that nothing changes.
 */
export const dynamicsSpecs = (latent: number, actions: number, units: number): ParameterSpec[] => [
  ...memorySpecs(latent, actions, units),
  ...linearSpecs('dynamics.latent', units, latent, 0.1),
];

/** Predictions of a teacher-forced sequence, each [members, batch, time, …]. */
export interface SequencePrediction extends SequenceMemory {
  /** ẑ' of every step: [members, batch, time, latent] */
  predictedLatent: tf.Tensor;
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
  const { hidden, cell } = rememberSequence(parameters, latent, action, first);
  return { predictedLatent: tf.add(latent, linear(parameters, 'dynamics.latent', hidden)), hidden, cell };
}

/** The one-step function (z, h, c, a) -> (ẑ', h', c') of a roll-out; forward only. */
export function dynamicsStep(
  parameters: Parameters,
): (state: RememberedState, action: tf.Tensor) => RememberedState {
  const step = memoryStep(parameters);
  return (state, action) => {
    const next = step(state, action);
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
  start: RememberedState,
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
