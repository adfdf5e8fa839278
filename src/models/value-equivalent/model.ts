import * as tf from '@tensorflow/tfjs-core';
import { normaliseLatent } from '../../nn/latent-norm.ts';
import { mlp } from '../../nn/mlp.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { Follower } from '../following.ts';
import type { ImaginedStep, WorldModel } from '../world-model.ts';
import type { ValueEquivalentNetworks } from './networks.ts';

/** What a value-equivalent model knows at one step, all that there is: [members, …, latent]. */
export interface ValueEquivalentState extends Record<string, tf.Tensor> {
  latent: tf.Tensor;
}

/** What the losses of a value-equivalent model are of: its networks, before their outputs are read. */
export interface UnrolledModel {
  /** z⁰ = norm(enc(õ)): [members, …, observation] -> [members, …, latent]; observations are data. */
  encode(observation: tf.Tensor): tf.Tensor;
  /** z′ = norm(z + dyn(z, a)), or without z: [members, …, latent], [members, …, actions] -> [members, …, latent]. */
  next(latent: tf.Tensor, action: tf.Tensor): tf.Tensor;
  /** Outputs of the step that led to a latent: [members, …, outputs]. */
  rewardOutput(latent: tf.Tensor): tf.Tensor;
  valueOutput(latent: tf.Tensor): tf.Tensor;
  /** Logits over the choices: [members, …, choices]. */
  policyOutput(latent: tf.Tensor): tf.Tensor;
  /** Logit of ĉ, the probability that the episode has not terminated with the step that led to a latent: [members, …]. */
  continueLogit?(latent: tf.Tensor): tf.Tensor;
  /** õ that a latent stands for; absent where nothing is decoded. */
  decode?(latent: tf.Tensor): tf.Tensor;
  /** Where latents are compared with each other; absent: as they are. */
  project?(latent: tf.Tensor): tf.Tensor;
  /** What a projection is to become before it is compared with one that was observed. */
  predict?(projection: tf.Tensor): tf.Tensor;
}

/** The verbs of a value-equivalent model, with what its losses ask for beside them. */
export type ValueEquivalentModel = WorldModel<ValueEquivalentState> &
  Follower<ValueEquivalentState> &
  UnrolledModel & {
    reward(step: Pick<ImaginedStep, 'nextFeatures'>): tf.Tensor;
    value(features: tf.Tensor): tf.Tensor;
    policy(features: tf.Tensor): tf.Tensor;
  };

/**
 * A model that need not say what is observed, only what counts for acting: rewards, values and a policy along its latents
 * (MuZero: Schrittwieser et al. 2020; value equivalence: Grimm et al. 2020). It has no memory. What lies
 * past an end is learnt as rewards and values of 0; that it is an end, where there is a continue head.
 *
 * Rewards and values are in units of `AgentSpaces.rewardScale`.
 */
export function valueEquivalentModel(
  { settings, extra, tower, code }: ValueEquivalentNetworks,
  parameters: Parameters,
): ValueEquivalentModel {
  const { latent: size, hidden, encoderHidden, norm, residual, projection } = settings;
  const layers = (name: string, x: tf.Tensor) => mlp(parameters, name, hidden.length, x);
  const encode = (observation: tf.Tensor) =>
    normaliseLatent(tower.apply(parameters, 'encoder', encoderHidden.length, observation), norm);
  const next = (latent: tf.Tensor, action: tf.Tensor) => {
    const change = layers('dynamics', tf.concat([latent, action], latent.rank - 1));
    return normaliseLatent(residual ? tf.add(latent, change) : change, norm);
  };
  const rewardOutput = (latent: tf.Tensor) => layers('reward', latent);
  const valueOutput = (latent: tf.Tensor) => layers('value', latent);
  const policyOutput = (latent: tf.Tensor) => layers('policy', latent);
  const continueLogit = (latent: tf.Tensor) => tf.squeeze(layers('continue', latent), [-1]);
  return {
    encode,
    next,
    rewardOutput,
    valueOutput,
    policyOutput,
    ...(extra.continue && { continueLogit, continues: continueLogit }),
    ...(extra.self &&
      projection > 0 && {
        project: (latent: tf.Tensor) => layers('projector', latent),
        predict: (projected: tf.Tensor) => mlp(parameters, 'predictor', 1, projected),
      }),
    ...(extra.observation && { decode: (latent: tf.Tensor) => layers('decoder', latent) }),
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
    reward: ({ nextFeatures }) => code.mean(rewardOutput(nextFeatures)),
    value: (features) => code.mean(valueOutput(features)),
    valueScale: 1,
    policy: policyOutput,
  };
}
