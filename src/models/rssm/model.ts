import * as tf from '@tensorflow/tfjs-core';
import { type LayerStyle, normMlp, normMlpSpecs } from '../../nn/norm-mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { symexp, symlog } from '../../nn/symlog.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Follower } from '../following.ts';
import type { ScalarCode } from '../scalar-code.ts';
import type { ImaginedStep, WorldModel } from '../world-model.ts';
import { dynamics, dynamicsSpecs, observeSequence, type RssmState } from './dynamics.ts';
import { scalarSpecs } from './heads.ts';
import { latentFamily } from './latent.ts';
import { observationNetworks } from './observations.ts';
import type { RssmSettings } from './settings.ts';

/** Numbers that heads see of a state: h and z side by side. */
export const featureSize = (settings: RssmSettings): number => settings.deter + latentFamily(settings).size;

/** How many numbers each tensor of a state has. */
export const stateSizes = (settings: RssmSettings): Record<keyof RssmState, number> => ({
  deter: settings.deter,
  stoch: latentFamily(settings).size,
});

/** Encoder, dynamics, decoder, reward head and continue head. */
export function rssmSpecs(settings: RssmSettings, spaces: AgentSpaces, reward: ScalarCode): ParameterSpec[] {
  const { units, headLayers, continueHead } = settings;
  const features = featureSize(settings);
  const observations = observationNetworks(settings, spaces);
  const hidden = { layers: headLayers, units };
  return [
    ...observations.encoderSpecs(),
    ...dynamicsSpecs(settings, spaces.actions),
    ...observations.decoderSpecs(features),
    ...scalarSpecs('reward', features, hidden, reward, settings),
    ...(continueHead ? normMlpSpecs('continue', features, hidden, 1, settings) : []),
  ];
}

/** A network on the states of an RSSM. */
export interface NetworkOnStates {
  parameters: Parameters;
  /** Hidden layers. */
  layers: number;
}

/** What a method adds to the world model: a policy, called `actor`, and a value, called `critic`, in units of `valueScale`. */
export interface Behaviours {
  actor?: NetworkOnStates;
  critic?: NetworkOnStates & { code: ScalarCode };
  valueScale?: number;
}

/** The verbs of an RSSM. A state's features are h and z, and rewards are predicted of the state that they come with. */
export type Rssm = Follower<RssmState> & RssmVerbs;

interface RssmVerbs extends WorldModel<RssmState> {
  /** e of õ: [members, …, observation] -> [members, …, units]. */
  encode(observation: tf.Tensor): tf.Tensor;
  /** x̂ as the decoder gives it, in the units of `target`: [members, …, features] -> [members, …, observation]. */
  reconstruct(features: tf.Tensor): tf.Tensor;
  /** What the decoder is to give for õ. */
  target(observation: tf.Tensor): tf.Tensor;
  /** The reward head's outputs: [members, …, features] -> [members, …, outputs]. */
  rewardOutput(features: tf.Tensor): tf.Tensor;
  decode(features: tf.Tensor): tf.Tensor;
  reward(step: Pick<ImaginedStep, 'nextFeatures'>): tf.Tensor;
}

/**
 * The RSSM over its parameters; each verb reads those that it needs.
 *
 * Observations come in as õ = o / s and leave so. The networks see them as `scaledObservations` and `symlog` say, and
 * learn rewards in the environment's own units, or with `scaledRewards` in units of `rewardScale`.
 */
export function rssmModel(
  parameters: Parameters,
  settings: RssmSettings,
  spaces: AgentSpaces,
  reward: ScalarCode,
  { actor, critic, valueScale = 1 }: Behaviours = {},
): Rssm {
  const { observationScale, rewardScale, actions } = spaces;
  const { deter, headLayers, continueHead } = settings;
  const observations = observationNetworks(settings, spaces);
  const latent = latentFamily(settings);
  const style: LayerStyle = settings;
  const scale = () => tf.tensor1d([...observationScale]);
  const target = (observation: tf.Tensor) => {
    const x = settings.scaledObservations ? observation : tf.mul(observation, scale());
    return settings.symlog ? symlog(x) : x;
  };
  const encode = (observation: tf.Tensor) => observations.encode(parameters, target(observation));
  const reconstruct = (features: tf.Tensor) => observations.decode(parameters, features);
  const rewardOutput = (features: tf.Tensor) => normMlp(parameters, 'reward', headLayers, features, style);
  const features = (state: RssmState) => tf.concat([state.deter, state.stoch], -1);
  const stepper = () => {
    const { actionInput, sequence, prior } = dynamics(parameters, settings);
    return (state: RssmState, action: tf.Tensor, noise?: tf.Tensor): RssmState => {
      const next = sequence(state, actionInput(action));
      return { deter: next, stoch: latent.sample(prior(next), noise) };
    };
  };
  const emptyState = (members: number, batch: number): RssmState => ({
    deter: tf.zeros([members, batch, deter]),
    stoch: tf.zeros([members, batch, latent.size]),
  });
  return {
    encode,
    reconstruct,
    target,
    rewardOutput,
    observe: ({ observation, action, first }) => {
      const [members, batch, time] = first.shape;
      const keep = keepOf(first);
      const led = tf.concat(
        [
          tf.zeros([members, batch, 1, actions]),
          tf.slice(action, [0, 0, 0, 0], [members, batch, time - 1, actions]),
        ],
        2,
      );
      const start = emptyState(members, batch);
      const states = observeSequence(parameters, settings, encode(observation), led, keep, start, undefined);
      const { deter, stoch } = states;
      return { states: { deter, stoch }, predicted: features(stepper()({ deter, stoch }, action)) };
    },
    start: (observation) => {
      const [members, batch] = observation.shape;
      const { actionInput, sequence, posterior } = dynamics(parameters, settings);
      const next = sequence(emptyState(members, batch), actionInput(tf.zeros([members, batch, actions])));
      return { deter: next, stoch: latent.sample(posterior(next, encode(observation)), undefined) };
    },
    follow: (before, action, observation, first, noise) => {
      const keep = tf.expandDims(tf.sub(1, first), 2);
      const { actionInput, sequence, posterior } = dynamics(parameters, settings);
      const kept = { deter: tf.mul(before.deter, keep), stoch: tf.mul(before.stoch, keep) };
      const next = sequence(kept, actionInput(tf.mul(action, keep)));
      return { deter: next, stoch: latent.sample(posterior(next, encode(observation)), noise) };
    },
    followNoise: [latent.noise],
    stateSizes: stateSizes(settings),
    features,
    stepNoise: [latent.noise],
    stepper,
    decode: (features) => {
      const x = settings.symlog ? symexp(reconstruct(features)) : reconstruct(features);
      return settings.scaledObservations ? x : tf.div(x, scale());
    },
    reward: ({ nextFeatures }) => {
      const predicted = reward.mean(rewardOutput(nextFeatures));
      return settings.scaledRewards ? predicted : tf.div(predicted, rewardScale);
    },
    ...(continueHead && {
      continues: (features) => tf.squeeze(normMlp(parameters, 'continue', headLayers, features, style), [-1]),
    }),
    ...(critic && {
      value: (features) =>
        critic.code.mean(normMlp(critic.parameters, 'critic', critic.layers, features, style)),
    }),
    valueScale,
    ...(actor && {
      policy: (features) => normMlp(actor.parameters, 'actor', actor.layers, features, style, false),
    }),
  };
}

/** 0 where memory is empty: where an episode starts, and at the first step of a window. */
function keepOf(first: tf.Tensor3D): tf.Tensor {
  const [members, batch, time] = first.shape;
  const later = tf.sub(1, tf.slice(first, [0, 0, 1], [members, batch, time - 1]));
  return tf.concat([tf.zeros([members, batch, 1]), later], 2);
}
