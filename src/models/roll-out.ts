import * as tf from '@tensorflow/tfjs-core';
import type { Space } from '../envs/spaces.ts';
import type { Parameters } from '../nn/parameters.ts';
import { policyOutput, sampleEncoded } from './actor.ts';

/** A model's dynamics as imagination and planning see them, whatever the family; forward only. */
export interface Dynamics<State> {
  /** What policy and heads see of a state: [members, batch, features] */
  features(state: State): tf.Tensor;
  /** One imagined step. @param action as networks see it: [members, batch, actions] */
  step(state: State, action: tf.Tensor): State;
  /** A whole roll-out in one call; undefined where the engine has none for such a behaviour. */
  rollOut?(start: State, behaviour: Behaviour): Imagination | undefined;
}

/** Imagined trajectories, `[members, starts, horizon, …]`. */
export interface Imagination {
  /** z_t, the features where the action is taken */
  latent: tf.Tensor;
  /** a_t as networks see it: one-hot, or in [−1, 1] */
  action: tf.Tensor;
  /** ẑ_{t+1}, the features after it */
  nextLatent: tf.Tensor;
}

/** The actor as a roll-out samples it. */
export interface SampledActor {
  actor: Parameters;
  layers: number;
  actionSpace: Space;
  /** [members, starts, horizon, numbers of `actionNoise`] */
  noise: tf.Tensor4D;
}

/** What picks the actions of a roll-out: the actor, or the past, [members, starts, horizon, actions] as networks see it. */
export type Behaviour = SampledActor | { actions: tf.Tensor4D };

/** Rolls a model out from the start states, for as many steps as the behaviour has; forward only. */
export function rollOut<State>(dynamics: Dynamics<State>, start: State, behaviour: Behaviour): Imagination {
  return dynamics.rollOut?.(start, behaviour) ?? stepByStep(dynamics, start, behaviour);
}

function stepByStep<State>(dynamics: Dynamics<State>, start: State, behaviour: Behaviour): Imagination {
  const given = tf.unstack('actor' in behaviour ? behaviour.noise : behaviour.actions, 2);
  const features = [dynamics.features(start)];
  const actions: tf.Tensor[] = [];
  let state = start;
  for (const noiseOrAction of given) {
    const action =
      'actor' in behaviour
        ? sampleEncoded(
            behaviour.actionSpace,
            policyOutput(behaviour.actor, behaviour.layers, features.at(-1)!),
            noiseOrAction,
          )
        : noiseOrAction;
    state = dynamics.step(state, action);
    actions.push(action);
    features.push(dynamics.features(state));
  }
  return {
    latent: tf.stack(features.slice(0, -1), 2),
    action: tf.stack(actions, 2),
    nextLatent: tf.stack(features.slice(1), 2),
  };
}
