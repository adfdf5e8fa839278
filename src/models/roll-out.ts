import * as tf from '@tensorflow/tfjs-core';
import type { Behaviour, Imagination, States, WorldModel } from './world-model.ts';

/**
 * Rolls a model out from the start states, for as many steps as the behaviour has; forward only.
 *
 * @param start [members, starts, …] each
 * @param stepNoise of a model that samples its steps, [members, starts, horizon, numbers of `stepNoise`]; undefined: the
 *   likeliest steps
 */
export function rollOut<State extends States>(
  model: WorldModel<State>,
  start: State,
  behaviour: Behaviour,
  stepNoise?: tf.Tensor4D,
): Imagination {
  return model.rollOut?.(start, behaviour, stepNoise) ?? stepByStep(model, start, behaviour, stepNoise);
}

function stepByStep<State extends States>(
  model: WorldModel<State>,
  start: State,
  behaviour: Behaviour,
  stepNoise: tf.Tensor4D | undefined,
): Imagination {
  const given = tf.unstack('noise' in behaviour ? behaviour.noise : behaviour.actions, 2);
  const noises = stepNoise && tf.unstack(stepNoise, 2);
  const step = model.stepper();
  const features = [model.features(start)];
  const actions: tf.Tensor[] = [];
  let state = start;
  for (const [t, noiseOrAction] of given.entries()) {
    const action =
      'noise' in behaviour
        ? behaviour.head.sample(model.policy!(features.at(-1)!), noiseOrAction)
        : noiseOrAction;
    state = step(state, action, noises?.[t]);
    actions.push(action);
    features.push(model.features(state));
  }
  return {
    features: tf.stack(features.slice(0, -1), 2),
    action: tf.stack(actions, 2),
    nextFeatures: tf.stack(features.slice(1), 2),
  };
}
