import type * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import { firstState, followedState, type RememberedState, sequenceStates } from '../lstm-memory.ts';
import { decode } from '../vae/decoder.ts';
import { encode } from '../vae/encoder.ts';
import type { VaeShape } from '../vae/vae.ts';
import type { ImaginedStep, WorldModel } from '../world-model.ts';
import { actorLayers, policyOutput } from './actor.ts';
import { dynamicsStep, fusedRollOut, predictSequence } from './dynamics.ts';
import { continueLogit, predictReward, value } from './heads.ts';

/** What of a VAE + LSTM world model its parameters do not say. */
export interface VaeLstmShape {
  vae: VaeShape;
  /** LSTM units. */
  units: number;
  /** Hidden layers of the continue head; undefined for a model without one. */
  continueLayers: number | undefined;
  /** Hidden layers of the critic; undefined for a model without one. */
  criticLayers: number | undefined;
  /** Hidden layers of the actor. */
  actorLayers: number;
  /** 1 − γ */
  valueScale: number;
}

/** The verbs of the VAE + LSTM: all that heads and policy see of a state is the latent. */
export interface VaeLstm extends WorldModel<RememberedState> {
  decode(latent: tf.Tensor): tf.Tensor;
  reward(step: ImaginedStep): tf.Tensor;
  /** @param latentGradient false where z is a constant */
  value?(latent: tf.Tensor, noise?: undefined, latentGradient?: boolean): tf.Tensor;
  policy(latent: tf.Tensor): tf.Tensor;
}

/**
 * The VAE + LSTM world model over its parameters; each verb reads those that it needs.
 *
 * @param parameters of the model
 * @param actor the policy's
 */
export function vaeLstmModel(parameters: Parameters, shape: VaeLstmShape, actor: Parameters): VaeLstm {
  const { vae, units, continueLayers, criticLayers, actorLayers: policyLayers, valueScale } = shape;
  return {
    observe: ({ observation, action, first }) => {
      const { mean } = encode(parameters, vae, observation);
      const prediction = predictSequence(parameters, mean, action, first);
      return { states: sequenceStates(mean, prediction, first), predicted: prediction.predictedLatent };
    },
    start: (observation) => firstState(encode(parameters, vae, observation).mean, units),
    follow: (before, action, observation, first) =>
      followedState(parameters, before, action, encode(parameters, vae, observation).mean, first),
    stateSizes: { latent: vae.latent, hidden: units, cell: units },
    features: ({ latent }) => latent,
    stepper: () => dynamicsStep(parameters),
    rollOut: (start, behaviour) =>
      fusedRollOut(parameters, () => actorLayers(actor, policyLayers), start, behaviour),
    decode: (latent) => decode(parameters, vae, latent),
    reward: ({ nextFeatures }) => predictReward(parameters, nextFeatures),
    ...(continueLayers !== undefined && {
      continues: (latent) => continueLogit(parameters, continueLayers, latent),
    }),
    ...(criticLayers !== undefined && {
      value: (latent, _noise, latentGradient) => value(parameters, criticLayers, latent, latentGradient),
    }),
    valueScale,
    policy: (latent) => policyOutput(actor, policyLayers, latent),
  };
}
