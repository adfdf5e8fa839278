import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../../engine/custom-gradient.ts';
import { stopGradient } from '../../engine/stop-gradient.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberMean, perMember, weightedSum } from '../../training/reduce.ts';
import { continueLoss } from '../continue-loss.ts';
import type { Windows } from '../windows.ts';
import { continueLogit, logVarianceBounds, type Prediction, predict, targetSize } from './network.ts';
import type { EnsembleSettings } from './settings.ts';
import { standardise } from './standardisation.ts';

/** The terms of an ensemble's loss, [members] each, before their weights. */
export interface EnsembleTerms extends Record<string, tf.Tensor1D> {
  nll: tf.Tensor1D;
  /** Mean over networks, rows and targets of (y − μ)². */
  squared_error: tf.Tensor1D;
}

/**
 * The loss of an ensemble on transitions, summed over networks, each of which has rows of its own:
 *
 *   nll        mean over rows and targets of (y − μ)² exp(−log σ²) + log σ², twice the negative log-likelihood but for a constant
 *   bounds     Σ max − Σ min of log σ², where they are learnt
 *   continue   mean over rows of BCE(ĉ(õ′), 1 − terminated), ends weighed
 *
 * @param windows one step long; of each member the rows of the first network, of the second, …
 * @param standardisation [members, numbers]
 */
export function ensembleTerms(
  parameters: Parameters,
  settings: EnsembleSettings,
  spaces: AgentSpaces,
  windows: Windows,
  standardisation: tf.Tensor2D,
): EnsembleTerms {
  const { networks, continueHead, endWeight, logVariance } = settings;
  const members = standardisation.shape[0];
  const { x, y, next, terminated } = examples(windows, networks, spaces);
  const prediction = predict(parameters, settings, standardise(x, standardisation));
  const terms: EnsembleTerms = {
    nll: gaussianNll(prediction, y),
    squared_error: stopGradient(() => memberMean(tf.squaredDifference(prediction.mean, y))),
  };
  if (logVariance.learnt) {
    const { max, min } = logVarianceBounds(parameters, settings, members, targetSize(spaces));
    terms.bounds = tf.sum(tf.sub(max, min), 1);
  }
  if (continueHead) {
    const logit = continueLogit(parameters, settings, standardise(next, standardisation));
    terms.continue = continueLoss(logit, terminated, endWeight, networks);
  }
  return terms;
}

/**
 * What networks see and are to predict, of the transitions that each has for itself: õ and a, õ′ − õ and r, õ′, and
 * whether it ended the episode; [members, networks, rows, …] each.
 */
function examples(windows: Windows, networks: number, spaces: AgentSpaces) {
  const members = windows.reward.shape[0];
  const rowsOf = (x: tf.Tensor, size: number) =>
    tf.reshape(x, [members, networks, x.size / (members * networks * size), size]);
  const observation = rowsOf(windows.observation, spaces.observation);
  const next = rowsOf(windows.nextObservation, spaces.observation);
  return {
    x: tf.concat([observation, rowsOf(windows.action, spaces.actions)], 3),
    y: tf.concat([tf.sub(next, observation), rowsOf(windows.reward, 1)], 3),
    next,
    terminated: rowsOf(windows.terminated, 1),
  };
}

/**
 * How far off each network is on transitions that all of them get: Σ over rows of w times the mean over targets of (y − μ)².
 *
 * @param windows one step long
 * @param weight w: [members, rows]
 * @returns [members, networks]
 */
export function squaredErrors(
  parameters: Parameters,
  settings: EnsembleSettings,
  spaces: AgentSpaces,
  windows: Windows,
  standardisation: tf.Tensor2D,
  weight: tf.Tensor2D,
): tf.Tensor2D {
  const { x, y } = examples(windows, 1, spaces);
  const seen = standardise(x, standardisation);
  const everyNetworks = tf.tile(seen, [1, settings.networks, 1, 1]);
  const { mean } = predict(parameters, settings, everyNetworks);
  const each = tf.mean(tf.squaredDifference(mean, y), 3);
  return tf.sum(tf.mul(each, tf.expandDims(weight, 1)), 2) as tf.Tensor2D;
}

/** The weighted sum of the terms: [members]. */
export function ensembleLoss(terms: EnsembleTerms, { logVariance }: EnsembleSettings): tf.Tensor1D {
  return weightedSum([
    [terms.nll, 1],
    ...(terms.bounds ? [[terms.bounds, logVariance.weight] as const] : []),
    ...(terms.continue ? [[terms.continue, 1] as const] : []),
  ]);
}

/**
 * Σ over networks of the mean over rows and targets of (y − μ)² exp(−log σ²) + log σ².
 *
 * @param y a constant: [members, networks, rows, targets]
 * @returns [members]
 */
export function gaussianNll({ mean, logVariance }: Prediction, y: tf.Tensor): tf.Tensor1D {
  const [members, networks, rows, targets] = mean.shape as [number, number, number, number];
  const share = 1 / (rows * targets);
  return withGradient([mean, logVariance], () => {
    const error = tf.sub(mean, y);
    const scaled = tf.mul(error, tf.exp(tf.neg(logVariance)));
    const squared = tf.mul(scaled, error);
    const each = tf.reshape(tf.add(squared, logVariance), [members, networks * rows * targets]);
    return {
      value: tf.mul(tf.sum(each, 1), share) as tf.Tensor1D,
      keep: [scaled, squared],
      gradient: (dy, [scaled, squared]) => {
        const weight = perMember(tf.mul(dy, share), 4);
        return [tf.mul(tf.mul(scaled, 2), weight), tf.mul(tf.sub(1, squared), weight)];
      },
    };
  });
}
