import * as tf from '@tensorflow/tfjs-core';
import { type Hidden, type LayerStyle, normMlpSpecs } from '../../nn/norm-mlp.ts';
import type { ParameterSpec } from '../../nn/parameters.ts';
import { twoHotBins, twoHotLoss, twoHotMean } from '../../nn/two-hot.ts';
import type { ScalarCode } from '../scalar-code.ts';
import type { ScalarHead, TwoHotSettings } from './settings.ts';

/** Numbers predicted as a distribution over bins, or as the mean of a Gaussian of variance 1: ½ (ŷ − y)². */
export function scalarCode(head: ScalarHead, { bins: count, limit }: TwoHotSettings): ScalarCode {
  if (head === 'squared') {
    const mean = (output: tf.Tensor) => tf.squeeze(output, [-1]);
    return {
      outputs: 1,
      mean,
      loss: (output, target) => tf.mul(0.5, tf.squaredDifference(mean(output), target)),
    };
  }
  const bins = twoHotBins(count, limit);
  return {
    outputs: count,
    mean: (output) => twoHotMean(output, bins),
    loss: (output, target) => twoHotLoss(output, target, bins),
  };
}

/** A head of one number starts at 0, whatever the state. */
const SCALAR_SCALE = 0;

/** The network called `name` that predicts a number of each state. */
export const scalarSpecs = (
  name: string,
  features: number,
  hidden: Hidden,
  { outputs }: ScalarCode,
  style: LayerStyle,
): ParameterSpec[] => normMlpSpecs(name, features, hidden, outputs, style, SCALAR_SCALE);
