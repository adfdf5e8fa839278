import * as tf from '@tensorflow/tfjs-core';
import { linear, linearSpecs } from '../../nn/linear.ts';
import {
  type Mixture,
  type MixtureShape,
  mixtureGroups,
  mixtureOf,
  mixtureOutputs,
} from '../../nn/mixture.ts';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { Noise } from '../../training/acting.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memorySpecs, type RememberedState } from '../lstm-memory.ts';
import { decoderSpecs } from '../vae/decoder.ts';
import { encode, encoderSpecs, type Posterior } from '../vae/encoder.ts';
import { type VaeShape, vaeShape } from '../vae/vae.ts';
import type { MdnRnnSettings } from './settings.ts';

/** Initial weights of what predicts: nothing changes, no reward, undecided whether it ends. */
const SMALL_SCALE = 0.1;

/** Z: dimensions of z, which without a VAE is the observation itself. */
export const latentSize = (
  { encoder, latent }: MdnRnnSettings,
  { observation }: Pick<AgentSpaces, 'observation'>,
): number => (encoder === 'vae' ? latent : observation);

/** Numbers that heads and controllers see of a state: z and h side by side. */
export const featureSize = (settings: MdnRnnSettings, spaces: AgentSpaces): number =>
  latentSize(settings, spaces) + settings.lstm;

const mixtureShape = (settings: MdnRnnSettings, spaces: AgentSpaces): MixtureShape => ({
  kind: settings.mixture,
  dimensions: latentSize(settings, spaces),
  components: settings.components,
});

/** How many numbers each tensor of a state has. */
export const stateSizes = (
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
): Record<keyof RememberedState, number> => ({
  latent: latentSize(settings, spaces),
  hidden: settings.lstm,
  cell: settings.lstm,
});

/** What a step is sampled with: which components, and where in them. */
export function stepNoise(settings: MdnRnnSettings, spaces: AgentSpaces): readonly [Noise, Noise] {
  const shape = mixtureShape(settings, spaces);
  return [
    { distribution: 'uniform', size: mixtureGroups(shape) },
    { distribution: 'normal', size: shape.dimensions },
  ];
}

/** V's layers. */
export const vaeOf = (settings: MdnRnnSettings, spaces: AgentSpaces): VaeShape =>
  vaeShape(settings, spaces, settings.images);

/** V: encoder and decoder. None without a VAE. */
export const vaeSpecs = (settings: MdnRnnSettings, spaces: AgentSpaces): ParameterSpec[] =>
  settings.encoder === 'none'
    ? []
    : [...encoderSpecs(vaeOf(settings, spaces)), ...decoderSpecs(vaeOf(settings, spaces))];

/** M: the LSTM, the mixture over what z becomes, and the heads for reward and end. */
export function rnnSpecs(settings: MdnRnnSettings, spaces: AgentSpaces): ParameterSpec[] {
  const latent = latentSize(settings, spaces);
  const { lstm, headHidden } = settings;
  const outputs = mixtureOutputs(mixtureShape(settings, spaces));
  return [
    ...memorySpecs(latent, spaces.actions, lstm),
    ...linearSpecs('mixture', lstm + latent + spaces.actions, outputs, SMALL_SCALE),
    ...mlpSpecs('reward', latent + lstm, headHidden, 1, SMALL_SCALE),
    ...mlpSpecs('continue', latent + lstm, headHidden, 1, SMALL_SCALE),
  ];
}

/**
 * q(z | o) of normalised observations, [members, …, observation].
 *
 * @param vae V's parameters; undefined: z is the observation, and there is nothing to be unsure of
 */
export function posterior(
  vae: Parameters | undefined,
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
  observation: tf.Tensor,
): Posterior | { mean: tf.Tensor; logVariance: undefined } {
  return vae
    ? encode(vae, vaeOf(settings, spaces), observation)
    : { mean: observation, logVariance: undefined };
}

/**
 * p(z′ | z, a, h′), a mixture of Gaussians around z: the layer gives how z changes, from h′, and past the LSTM from z and a.
 *
 * @param latent z: [members, …, latent]
 * @param action as networks see it: [members, …, actions]
 * @param hidden h′, the memory after the step: [members, …, units]
 */
export function nextLatent(
  rnn: Parameters,
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
  latent: tf.Tensor,
  action: tf.Tensor,
  hidden: tf.Tensor,
): Mixture {
  const outputs = linear(rnn, 'mixture', tf.concat([hidden, latent, action], -1));
  const change = mixtureOf(outputs, mixtureShape(settings, spaces));
  return { ...change, mean: tf.add(tf.expandDims(latent, -1), change.mean) };
}

/** r̂ of arriving, in units of `rewardScale`: features [z′, h′], [members, …, features] -> [members, …]. */
export const predictReward = (
  rnn: Parameters,
  { headHidden }: MdnRnnSettings,
  features: tf.Tensor,
): tf.Tensor => tf.squeeze(mlp(rnn, 'reward', headHidden.length, features), [-1]);

/** Logit of ĉ, the probability that the episode goes on: features [z′, h′], [members, …, features] -> [members, …]. */
export const continueLogit = (
  rnn: Parameters,
  { headHidden }: MdnRnnSettings,
  features: tf.Tensor,
): tf.Tensor => tf.squeeze(mlp(rnn, 'continue', headHidden.length, features), [-1]);
