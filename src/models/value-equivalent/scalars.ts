import { evenBins, twoHotLoss, twoHotMean } from '../../nn/two-hot.ts';
import { inverseTransformed, transformed } from '../../nn/value-transform.ts';
import type { ScalarCode } from '../scalar-code.ts';

/**
 * Numbers predicted as a distribution over the integers from −S to S of h(x), as MuZero does: the number is h⁻¹ of the mean.
 * What is beyond the support counts as its end. The loss is a cross entropy, of which the target's own entropy is left
 * where the prediction is perfect.
 */
export function transformedCode(support: number): ScalarCode {
  const bins = evenBins(2 * support + 1, support);
  return {
    outputs: bins.length,
    mean: (output) => inverseTransformed(twoHotMean(output, bins)),
    loss: (output, target) => twoHotLoss(output, transformed(target), bins),
  };
}
