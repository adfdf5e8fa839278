import * as tf from '@tensorflow/tfjs-core';
import { symexp, symlog } from '../../nn/symlog.ts';
import { evenBins, twoHotLoss, twoHotMean } from '../../nn/two-hot.ts';
import type { ScalarCode } from '../scalar-code.ts';
import type { LatentSettings } from './settings.ts';

/**
 * Numbers predicted as a distribution over evenly spaced bins of symlog(y), as TD-MPC2 has it, or as they are, (ŷ − y)².
 *
 * The number predicted is symexp of the mean of symlog(y), which is not the mean of y: a broad distribution is read as
 * nearer to 0. What is beyond the bins counts as their end.
 *
 * @param limit the bins reach from −limit to limit, in units of symlog(y)
 */
export function symlogCode(
  scalars: LatentSettings['scalars'],
  { bins: count, limit }: { bins: number; limit: number },
): ScalarCode {
  if (scalars === 'squared') {
    const mean = (output: tf.Tensor) => tf.squeeze(output, [-1]);
    return {
      outputs: 1,
      mean,
      loss: (output, target) => tf.squaredDifference(mean(output), target),
    };
  }
  const bins = evenBins(count, limit);
  return {
    outputs: count,
    mean: (output) => symexp(twoHotMean(output, bins)),
    loss: (output, target) => twoHotLoss(output, symlog(target), bins),
  };
}
