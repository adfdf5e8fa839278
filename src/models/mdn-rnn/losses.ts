import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { klToStandardNormal, sampleNormal } from '../../nn/distributions.ts';
import { mixtureLogLikelihood } from '../../nn/mixture.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { meanSquaredError, memberMean } from '../../training/reduce.ts';
import { continueLoss } from '../continue-loss.ts';
import { rememberSequence } from '../lstm-memory.ts';
import { decoderOutput, reconstructionError } from '../vae/decoder.ts';
import { encode } from '../vae/encoder.ts';
import type { Windows } from '../windows.ts';
import { continueLogit, latentSize, nextLatent, posterior, predictReward, vaeOf } from './networks.ts';
import type { MdnRnnSettings } from './settings.ts';

/**
 * The terms of V's loss, of the mean over observations:
 *
 *   reconstruction   Σ (dec(z) − õ)²,  z ~ q(z | o), or the divergence of images
 *   kl               max(Σ KL(q ‖ N(0, I)), floor · Z): below the floor it has no gradient
 *
 * @param observation õ: [members, batch, observation]
 * @param noise ε of z: [members, batch, latent]
 * @param klFloor nats per dimension
 * @returns [members] each
 */
export function vaeTerms(
  vae: Parameters,
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
  observation: tf.Tensor,
  noise: tf.Tensor,
  klFloor: number,
): { reconstruction: tf.Tensor1D; kl: tf.Tensor1D } {
  const shape = vaeOf(settings, spaces);
  const { mean, logVariance } = encode(vae, shape, observation);
  const output = decoderOutput(vae, shape, sampleNormal(mean, logVariance, noise));
  return {
    reconstruction: reconstructionError(shape, output, observation, settings.imageLoss),
    kl: flooredKl(mean, logVariance, klFloor * settings.latent),
  };
}

/** The mean over a batch of max(KL(N(μ, exp(logvar)) ‖ N(0, I)), floor), in nats: [members, batch, latent] -> [members]. */
export function flooredKl(mean: tf.Tensor, logVariance: tf.Tensor, floor: number): tf.Tensor1D {
  const kl = tf.sum(klToStandardNormal(mean, logVariance), mean.rank - 1);
  return memberMean(floor > 0 ? tf.maximum(kl, floor) : kl);
}

/**
 * The terms of M's loss, of the mean over the steps of windows, V being fixed:
 *
 *   nll        −log p(z′ | z, a, h′) / Z,  z ~ q(z | o), z′ ~ q(z | o′)
 *   reward     (r̂ − r)²
 *   continue   the cross entropy of ĉ, terminations counting `endWeight` times
 *
 * @param vae undefined: z is the observation
 * @param noise of z, then of z′ along time: [members, batch, 2 · time, latent]; undefined without a VAE
 * @returns [members] each
 */
export function rnnTerms(
  rnn: Parameters,
  vae: Parameters | undefined,
  settings: MdnRnnSettings,
  spaces: AgentSpaces,
  windows: Windows,
  noise: tf.Tensor | undefined,
  endWeight: number,
): { nll: tf.Tensor1D; reward: tf.Tensor1D; continue: tf.Tensor1D } {
  const { observation, nextObservation, action, reward, terminated, first } = windows;
  const [latent, arrived] = stopGradient(() => {
    const { mean, logVariance } = posterior(
      vae,
      settings,
      spaces,
      tf.concat([observation, nextObservation], 2),
    );
    return tf.split(logVariance ? sampleNormal(mean, logVariance, noise!) : mean, 2, 2);
  }) as [tf.Tensor, tf.Tensor];
  const { hidden } = rememberSequence(rnn, latent, action, first);
  const likelihood = mixtureLogLikelihood(nextLatent(rnn, settings, spaces, latent, action, hidden), arrived);
  const features = tf.concat([arrived, hidden], -1);
  const groups = likelihood.shape.at(-1)!;
  return {
    nll: memberMean(likelihood, -groups / latentSize(settings, spaces)),
    reward: meanSquaredError(predictReward(rnn, settings, features), reward),
    continue: continueLoss(continueLogit(rnn, settings, features), terminated, endWeight),
  };
}
