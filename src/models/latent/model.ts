import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Follower } from '../following.ts';
import type { ImaginedStep, ValueNoise, WorldModel } from '../world-model.ts';
import { PAIR_NOISE } from './critic.ts';
import { HIDDEN_LAYERS, network, toLatent } from './layers.ts';
import type { LatentNetworks } from './networks.ts';
import { type ActorCritic, actorOutput, stateValue } from './value.ts';

/** What a latent model knows at one step, all that there is: z, [members, …, latent]. */
export interface LatentState extends Record<string, tf.Tensor> {
  latent: tf.Tensor;
}

/** The parameters of all parts. */
export interface LatentParameters extends ActorCritic {
  encoder: Parameters;
  model: Parameters;
}

/** The verbs of a latent model, with what its losses ask for beside them. */
export type LatentModel = WorldModel<LatentState> & Follower<LatentState> & LatentVerbs;

interface LatentVerbs {
  /** z of õ: [members, …, observation] -> [members, …, latent]; observations are data. */
  encode(observation: tf.Tensor): tf.Tensor;
  /** z′ after an action: [members, …, latent], [members, …, actions] -> [members, …, latent]. */
  next(latent: tf.Tensor, action: tf.Tensor): tf.Tensor;
  /**
   * The reward head's outputs of a step: [members, …, outputs].
   *
   * @param inputGradient false where the latent is a constant
   */
  rewardOutput(latent: tf.Tensor, action: tf.Tensor, inputGradient?: boolean): tf.Tensor;
  /** Logit of the probability that the episode has ended, of a state arrived at: [members, …]. */
  termination?(latent: tf.Tensor, inputGradient?: boolean): tf.Tensor;
  reward(step: Pick<ImaginedStep, 'features' | 'action'>): tf.Tensor;
  value(features: tf.Tensor, noise?: tf.Tensor): tf.Tensor;
}

/**
 * A latent model over its parameters: z = enc(o), z′ = d(z, a), and heads on z and a. Nothing is decoded: z is what
 * predicts itself, rewards, values and ends. It has no memory: the state at an observation is that of the observation.
 *
 * Networks see õ = o / s, and learn rewards and values in the environment's own units, or scaled ones.
 */
export function latentModel(
  networks: LatentNetworks,
  { encoder, model, critic, actor }: LatentParameters,
  { rewardScale, actions }: AgentSpaces,
): LatentModel {
  const { settings, code } = networks;
  const unit = settings.scaledRewards ? 1 : rewardScale;
  const { layers: kind, latent: size, encoderLayers, continueHead, predictor } = settings;
  const policy = networks.actor?.policy;
  const actionNoise: ValueNoise[] = policy?.space.kind === 'box' ? [policy.noise] : [];
  const beside = (latent: tf.Tensor, action: tf.Tensor) => tf.concat([latent, action], latent.rank - 1);
  const encode = (observation: tf.Tensor) =>
    toLatent(encoder, 'encoder', encoderLayers, observation, settings, false);
  const next = (latent: tf.Tensor, action: tf.Tensor) =>
    toLatent(model, 'dynamics', HIDDEN_LAYERS, beside(latent, action), settings);
  const rewardOutput = (latent: tf.Tensor, action: tf.Tensor, inputGradient = true) =>
    network(model, 'reward', HIDDEN_LAYERS, beside(latent, action), { kind }, inputGradient);
  const termination = (latent: tf.Tensor, inputGradient = true) =>
    tf.squeeze(network(model, 'termination', HIDDEN_LAYERS, latent, { kind }, inputGradient), [-1]);
  return {
    encode,
    next,
    rewardOutput,
    ...(predictor && {
      predictor: (latent) => toLatent(model, 'predictor', HIDDEN_LAYERS, latent, settings),
    }),
    ...(continueHead && { termination, continues: (features) => tf.neg(termination(features)) }),
    observe: ({ observation, action }) => {
      const latent = encode(observation);
      return { states: { latent }, predicted: next(latent, action) };
    },
    start: (observation) => ({ latent: encode(observation) }),
    follow: (_before, _action, observation) => ({ latent: encode(observation) }),
    stateSizes: { latent: size },
    features: ({ latent }) => latent,
    stepper:
      () =>
      ({ latent }, action) => ({ latent: next(latent, action) }),
    reward: ({ features, action }) => tf.div(code.mean(rewardOutput(features, action)), unit),
    value: (features, noise) => {
      const members = features.shape[0]!;
      const rows = features.size / (members * size);
      const flat = (x: tf.Tensor) => tf.reshape(x, [members, rows, -1]);
      const [pair, action] = noise
        ? tf.split(flat(noise), [PAIR_NOISE.size, ...actionNoise.map(({ size }) => size)], 2)
        : [];
      const sample = pair && { pair, action };
      const value = stateValue(
        networks,
        { critic, ...(actor && { actor }) },
        flat(features),
        actions,
        sample,
        networks.critic.pair,
      );
      return tf.reshape(tf.div(value, unit), features.shape.slice(0, -1));
    },
    valueNoise: [{ ...PAIR_NOISE, shared: true }, ...actionNoise],
    valueScale: 1,
    ...(actor && { policy: (features) => actorOutput(actor, features, networks) }),
  };
}
