import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type OneStepModel, oneStepModel } from '../one-step-model.ts';
import { bodyOf, expectedReward, outputsOf } from './network.ts';
import { bitPrior } from './prior.ts';
import type { DiscreteLatentSettings } from './settings.ts';
import { type Standardisation, standardisationOf } from './standardisation.ts';

/** How many σ from the mean a predicted observation may be: a roll-out that leaves what was seen stays finite. */
const FARTHEST = 10;

/** One step of some rows. */
export interface PredictedStep {
  /** õ′: [members, rows, observation] */
  next: tf.Tensor;
  /** r̂: [members, rows, 1] */
  reward: tf.Tensor;
  /** Logit of ĉ: [members, rows, 1]; undefined without a continue head */
  continues: tf.Tensor | undefined;
  /** Those that the prior gave: [members, rows, bits]; undefined in a model without */
  bits: tf.Tensor | undefined;
}

/**
 * One step as the model makes it by itself, with bits of its prior; forward only.
 *
 * @param observation õ: [members, rows, observation]
 * @param noise of its bits, uniform, [members, rows, bits]; undefined: the likeliest
 */
export function predictStep(
  parameters: Parameters,
  settings: DiscreteLatentSettings,
  spaces: AgentSpaces,
  standardisation: Standardisation,
  observation: tf.Tensor,
  action: tf.Tensor,
  noise: tf.Tensor | undefined,
): PredictedStep {
  const y = bodyOf(parameters, settings, spaces, standardisation, observation, action);
  const bits = settings.bits > 0 ? bitPrior(settings).sample(parameters, y, noise) : undefined;
  const { change, reward, continues } = outputsOf(parameters, settings, spaces, y, bits);
  const { mean, std, changeStd } = standardisation;
  const moved = tf.add(observation, tf.mul(change, changeStd));
  const reach = tf.mul(std, FARTHEST);
  return {
    next: tf.maximum(tf.sub(mean, reach), tf.minimum(tf.add(mean, reach), moved)),
    reward: expectedReward(settings, standardisation, reward),
    continues,
    bits,
  };
}

/**
 * The verbs of a model that predicts the next observation, with discrete latent variables where it has any (Kaiser et al.
 * 2020). The likeliest step has each bit the likeliest.
 *
 * @param standardisation of what it learnt from: [members, numbers]
 */
export function discreteLatentModel(
  parameters: Parameters,
  standardisation: tf.Tensor2D,
  settings: DiscreteLatentSettings,
  spaces: AgentSpaces,
): OneStepModel {
  const { bits, continueHead } = settings;
  return oneStepModel(spaces, {
    continueHead,
    ...(bits > 0 && { stepNoise: [{ distribution: 'uniform', size: bits }] }),
    stepper: () => {
      const by = standardisationOf(standardisation, spaces);
      return (observation, action, noise) => {
        const step = predictStep(parameters, settings, spaces, by, observation, action, noise);
        const { next, reward, continues } = step;
        return tf.concat([next, reward, ...(continues ? [continues] : [])], 2);
      };
    },
  });
}
