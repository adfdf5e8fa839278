import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { binaryCrossEntropy } from '../../nn/distributions.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { meanSquaredError, memberMean, weightedSum } from '../../training/reduce.ts';
import { continueLoss } from '../continue-loss.ts';
import type { Windows } from '../windows.ts';
import { randomBits, signBits, straightThroughBits } from './bits.ts';
import { predictStep } from './model.ts';
import { bodyOf, inferred, outputsOf } from './network.ts';
import { bitPrior } from './prior.ts';
import { type DiscreteLatentSettings, REWARD_CLASSES } from './settings.ts';
import { type Standardisation, standardisationOf } from './standardisation.ts';

/** What an update of the model draws for every step: one noise, uniform in [0, 1). */
export const trainingNoise = ({ bits }: DiscreteLatentSettings) =>
  ({ distribution: 'uniform', size: 3 * bits + 2 }) as const;

/** The terms of the model's loss, before their weights, [members] each. */
export interface DiscreteLatentTerms extends Record<string, tf.Tensor1D> {
  /** Mean of ((õ′ − ô′) / σ)², σ that of changes */
  observation: tf.Tensor1D;
  /** Cross entropy of the classes, or mean of ((r − r̂) / σ)² */
  reward: tf.Tensor1D;
  // And, where the model has them:
  // continue   weighted mean of BCE(ĉ, 1 − terminated)
  // bits       mean over steps of −Σ log p(b_i | y, …), in nats
}

/**
 * The losses on windows, and in them (Kaiser et al. 2020, sections 4.1 and 4.2):
 *
 * - bits are inferred from what follows and flipped at times; with probability p `ownBits` one of the prior's stands in a
 *   bit's place, and of steps only min(1, 2 p) `latentUse` are predicted with bits at all: the layers must not come to
 *   rely on being told what follows;
 * - scheduled sampling (Bengio et al. 2015): with probability p `scheduledSampling` a step is predicted from what the model
 *   made of the step before, by itself, and not from what was seen; never where an episode starts.
 *
 * p grows from 0 to 1 along the warm-up. What the model makes by itself is a constant to the gradient.
 *
 * @param noise [members, batch, time, numbers of `trainingNoise`]
 * @param warmth p, a number on the engine
 */
export function discreteLatentTerms(
  parameters: Parameters,
  settings: DiscreteLatentSettings,
  spaces: AgentSpaces,
  windows: Windows,
  standardisation: tf.Tensor2D,
  noise: tf.Tensor,
  warmth: tf.Scalar,
): DiscreteLatentTerms {
  const { bits, flips, ownBits, latentUse, endWeight, continueHead } = settings;
  const by = standardisationOf(standardisation, spaces);
  const [members, batch, time] = windows.reward.shape;
  const rows = (x: tf.Tensor, width: number) => tf.reshape(x, [members, batch * time, width]);
  const sizes = bits > 0 ? [bits, bits, bits, 1, 1] : [1, 1];
  const noises = tf.split(noise, sizes, 3) as tf.Tensor4D[];
  const [ofPrior, ofFlips, ofPlaces, ofInputs, ofUse] =
    bits > 0 ? noises : [undefined, undefined, undefined, ...noises];

  const { inputs, own } = stopGradient(() =>
    inputsAlong(parameters, settings, spaces, by, windows, ofPrior, ofInputs!, warmth),
  );
  const observation = rows(inputs, spaces.observation);
  const action = rows(windows.action, spaces.actions);
  const next = rows(windows.nextObservation, spaces.observation);
  const change = tf.div(tf.sub(next, observation), by.changeStd);
  const y = bodyOf(parameters, settings, spaces, by, observation, action);
  const isBelow = (x: tf.Tensor, share: tf.Tensor | number) => tf.cast(tf.less(x, share), 'float32');
  const latent = () => {
    const x = inferred(parameters, settings, spaces, by, observation, action, change);
    const flip = randomBits(rows(ofFlips!, bits), flips);
    const replaced = isBelow(rows(ofPlaces!, bits), tf.mul(warmth, ownBits));
    const given = straightThroughBits(x, flip, { bits: rows(own!, bits), replaced });
    const clean = stopGradient(() => signBits(x));
    const logits = bitPrior(settings).logits(parameters, y, clean);
    const use = isBelow(rows(ofUse!, 1), tf.mul(tf.minimum(1, tf.mul(2, warmth)), latentUse));
    return { given, use, cost: bitsLoss(logits, clean) };
  };
  const told = bits > 0 ? latent() : undefined;
  const outputs = outputsOf(parameters, settings, spaces, y, told?.given, told?.use);
  const terminated = rows(windows.terminated, 1);
  return {
    observation: meanSquaredError(outputs.change, change),
    reward: rewardLoss(settings, by, outputs.reward, rows(windows.reward, 1)),
    ...(continueHead && { continue: continueLoss(outputs.continues!, terminated, endWeight) }),
    ...(told && { bits: told.cost }),
  };
}

/** The weighted sum of the terms: [members]. */
export const discreteLatentLoss = (
  terms: DiscreteLatentTerms,
  { priorWeight }: DiscreteLatentSettings,
): tf.Tensor1D =>
  weightedSum(
    Object.entries(terms).map(([name, term]) => [term, name === 'bits' ? priorWeight : 1] as const),
  );

/**
 * −log p of bits, in nats, summed over them and averaged over rows: [members].
 *
 * @param logits of p(b = 1), [members, rows, bits], as `bits`, a constant
 */
export const bitsLoss = (logits: tf.Tensor, bits: tf.Tensor): tf.Tensor1D =>
  memberMean(binaryCrossEntropy(logits, tf.div(tf.add(bits, 1), 2)), logits.shape.at(-1));

/** @param reward r, in units of `rewardScale`: [members, rows, 1] */
function rewardLoss(
  { rewardHead }: DiscreteLatentSettings,
  { rewardMean, rewardStd }: Standardisation,
  output: tf.Tensor,
  reward: tf.Tensor,
): tf.Tensor1D {
  if (rewardHead === 'squared') {
    return meanSquaredError(output, tf.div(tf.sub(reward, rewardMean), rewardStd));
  }
  const target = tf.cast(tf.equal(reward, tf.tensor1d([...REWARD_CLASSES])), 'float32');
  return tf.neg(memberMean(tf.mul(tf.logSoftmax(output), target), REWARD_CLASSES.length));
}

/**
 * What each step is predicted from, and the bits that the prior has there.
 *
 * @returns õ, seen or predicted, [members, batch, time, observation], and [members, batch, time, bits]
 */
function inputsAlong(
  parameters: Parameters,
  settings: DiscreteLatentSettings,
  spaces: AgentSpaces,
  by: Standardisation,
  { observation, action, first }: Windows,
  ofPrior: tf.Tensor4D | undefined,
  ofInputs: tf.Tensor4D,
  warmth: tf.Scalar,
): { inputs: tf.Tensor; own: tf.Tensor | undefined } {
  const at = (x: tf.Tensor | undefined) => x && tf.unstack(x, 2);
  const [observations, actions, firsts, noises] = [
    at(observation)!,
    at(action)!,
    at(tf.expandDims(first, 3))!,
    at(ofPrior),
  ];
  const isOwn = at(tf.less(ofInputs, tf.mul(warmth, settings.scheduledSampling)))!;
  const inputs: tf.Tensor[] = [];
  const own: tf.Tensor[] = [];
  let predicted: tf.Tensor | undefined;
  for (const [t, real] of observations.entries()) {
    const replaced = tf.logicalAnd(isOwn[t]!, tf.equal(firsts[t]!, 0));
    const input = predicted ? tf.where(replaced, predicted, real) : real;
    const step = predictStep(parameters, settings, spaces, by, input, actions[t]!, noises?.[t]);
    inputs.push(input);
    if (step.bits) own.push(step.bits);
    predicted = step.next;
  }
  return { inputs: tf.stack(inputs, 2), own: own.length > 0 ? tf.stack(own, 2) : undefined };
}
