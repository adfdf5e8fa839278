import type { NoiseLevels } from '../../models/shortcut/noise-levels.ts';
import type { Row } from '../../training/events.ts';

/**
 * The mean errors that losses.csv has: of the flow after a clean frame by quarters of τ, in units of what is predicted there, of
 * the flow after a noisy one, and of steps that are bootstrapped. A mean over all hides that few steps from noise fail.
 */
export const REPORTS = ['flow_0', 'flow_25', 'flow_50', 'flow_75', 'flow_noisy', 'bootstrap'] as const;

/** Which report a frame belongs to. */
function reportOf(signal: number, step: number, isAfterClean: boolean, levels: number): number {
  if (step > 0) return REPORTS.indexOf('bootstrap');
  return isAfterClean ? Math.floor((4 * signal) / levels) : REPORTS.indexOf('flow_noisy');
}

/**
 * What each frame counts in each mean: [reports, rows · time], 0 in one that has no frame.
 *
 * @param counts 1 where a frame is in the loss: [rows · time]
 */
export function reportWeights(
  { signal, step }: NoiseLevels,
  counts: ArrayLike<number>,
  time: number,
  levels: number,
): Float32Array {
  const frames = signal.length;
  const of = Array.from(signal, (index, at) =>
    reportOf(index, step[at]!, at % time > 0 && signal[at - 1] === levels, levels),
  );
  const sums = REPORTS.map(() => 0);
  for (let at = 0; at < frames; at++) sums[of[at]!]! += counts[at] ? 1 : 0;
  const weights = new Float32Array(REPORTS.length * frames);
  for (let at = 0; at < frames; at++) {
    if (counts[at]) weights[of[at]! * frames + at] = 1 / sums[of[at]!]!;
  }
  return weights;
}

/** Above it the value is said to lag behind. */
const LARGEST_POSITIVE_SHARE = 0.9;

/** Why a row of losses.csv tells that little is learnt, a phrase: with hardly an action that came out badly there is nothing to tell the good ones by. */
export function laggingValue({ positive_share: share }: Row): string | undefined {
  if (share === null || share === undefined || share <= LARGEST_POSITIVE_SHARE) return undefined;
  return `${Math.round(100 * share)} % of the imagined advantages are positive, so that whatever is sampled becomes likelier: its value lags behind; raise imagination.valueWarmUp or imagination.valueLearningRate`;
}
