import * as tf from '@tensorflow/tfjs-core';
import { type MixtureNoise, sampleMixture } from '../../nn/mixture.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Follower } from '../following.ts';
import {
  firstState,
  followedState,
  memoryStep,
  type RememberedState,
  rememberSequence,
  sequenceStates,
} from '../lstm-memory.ts';
import { decode } from '../vae/decoder.ts';
import type { ImaginedStep, WorldModel } from '../world-model.ts';
import {
  continueLogit,
  latentSize,
  nextLatent,
  posterior,
  predictReward,
  stateSizes,
  stepNoise,
  vaeOf,
} from './networks.ts';
import type { MdnRnnSettings } from './settings.ts';

/** V and M: what an MDN-RNN is made of. */
export interface MdnRnnParameters {
  /** Undefined where z is the observation itself. */
  vae: Parameters | undefined;
  rnn: Parameters;
}

/** The verbs of an MDN-RNN. A state's features are z and h, and what a step brings is predicted of where it leads. */
export type MdnRnn = Follower<RememberedState> & MdnRnnVerbs;

interface MdnRnnVerbs extends WorldModel<RememberedState> {
  decode(features: tf.Tensor): tf.Tensor;
  reward(step: Pick<ImaginedStep, 'nextFeatures'>): tf.Tensor;
  continues(features: tf.Tensor): tf.Tensor;
}

/** z and h of features: [members, …, features]. */
export const partsOf = (
  features: tf.Tensor,
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
): { latent: tf.Tensor; hidden: tf.Tensor } => {
  const [latent, hidden] = tf.split(features, [latentSize(settings, spaces), settings.lstm], -1);
  return { latent: latent!, hidden: hidden! };
};

/**
 * The world model of Ha and Schmidhuber (2018) over its parameters: V, a variational autoencoder, turns an observation into
 * z; M, an LSTM with a mixture density network, says what z becomes, and what reward and end come with it.
 *
 * @param temperature τ, at which steps are sampled
 * @param policy what picks actions by features; absent: nothing does
 */
export function mdnRnnModel(
  { vae, rnn }: MdnRnnParameters,
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
  temperature: tf.Scalar | number,
  policy?: (features: tf.Tensor) => tf.Tensor,
): MdnRnn {
  const noises = stepNoise(settings, spaces);
  const mean = (observation: tf.Tensor) => posterior(vae, settings, spaces, observation).mean;
  const next = (latent: tf.Tensor, action: tf.Tensor, hidden: tf.Tensor, noise?: MixtureNoise) =>
    sampleMixture(nextLatent(rnn, settings, spaces, latent, action, hidden), temperature, noise);
  return {
    observe: ({ observation, action, first }) => {
      const latent = mean(observation);
      const memory = rememberSequence(rnn, latent, action, first);
      const predicted = tf.concat([next(latent, action, memory.hidden), memory.hidden], -1);
      return { states: sequenceStates(latent, memory, first), predicted };
    },
    start: (observation) => firstState(mean(observation), settings.lstm),
    follow: (before, action, observation, first) =>
      followedState(rnn, before, action, mean(observation), first),
    stateSizes: stateSizes(settings, spaces),
    features: ({ latent, hidden }) => tf.concat([latent, hidden], -1),
    stepNoise: noises,
    stepper: () => {
      const remember = memoryStep(rnn);
      return (state, action, noise) => {
        const memory = remember(state, action);
        const sizes = noises.map(({ size }) => size);
        const [uniform, normal] = noise ? tf.split(noise, sizes, -1) : [];
        const drawn = uniform && normal && { uniform, normal };
        return { latent: next(state.latent, action, memory.hidden, drawn), ...memory };
      };
    },
    decode: (features) => {
      const { latent } = partsOf(features, settings, spaces);
      return vae ? decode(vae, vaeOf(settings, spaces), latent) : latent;
    },
    reward: ({ nextFeatures }) => predictReward(rnn, settings, nextFeatures),
    continues: (features) => continueLogit(rnn, settings, features),
    valueScale: 1,
    ...(policy && { policy }),
  };
}
