import type { RandomStream } from '../../random/stream.ts';

/** How noisy the frames of rows are shown, and what steps are asked of them: [rows, time] each. */
export interface NoiseLevels {
  /** Index of τ: 0 is noise, K_max clean. */
  signal: Int32Array;
  /** i of the step d = 2^i / K_max. */
  step: Int32Array;
}

/** How levels are drawn. */
export interface NoiseDraw {
  rows: number;
  time: number;
  /** K_max */
  levels: number;
  /** The last rows, whose steps are larger than the finest: their targets are bootstrapped. */
  bootstrapRows: number;
  /** The first rows, which are shown clean. */
  cleanRows: number;
  /** Share of the other frames that are shown clean, as context. */
  cleanShare: number;
}

/**
 * Levels of every frame by itself (Hafner et al. 2025, eq. 4): a step d, and τ from 0, d, 2 d, … 1 − d. Rows at the finest step
 * learn the flow, the last ones all other steps uniformly. A clean frame is context alone: τ = 1 with the finest step.
 */
export function drawNoiseLevels(
  random: RandomStream,
  { rows, time, levels, bootstrapRows, cleanRows, cleanShare }: NoiseDraw,
): NoiseLevels {
  const signal = new Int32Array(rows * time);
  const step = new Int32Array(rows * time);
  for (let row = 0; row < rows; row++) {
    for (let at = row * time; at < (row + 1) * time; at++) {
      if (row >= rows - bootstrapRows) step[at] = 1 + random.integer(Math.log2(levels));
      signal[at] = signalAt(random.uniform(), step[at]!, levels);
      if (random.uniform() < cleanShare || row < cleanRows) {
        signal[at] = levels;
        step[at] = 0;
      }
    }
  }
  return { signal, step };
}

/** The index of τ on the grid of a step, from a number in [0, 1): ⌊u / d⌋ d K_max. */
export const signalAt = (u: number, step: number, levels: number): number =>
  Math.floor(u * (levels >> step)) << step;

/** The two half steps that a step's target is made of: what each frame of them is shown with, [rows, time] each. */
export interface HalfSteps {
  /** i of the half step. */
  step: Int32Array;
  /** Index of τ after the first of them. */
  signal: Int32Array;
  /** Whether it is made, 1 or 0: the finest step has none, and such a frame stays as it is. */
  moves: Float32Array;
}

export function halfSteps({ signal, step }: NoiseLevels): HalfSteps {
  const finer = step.map((i) => Math.max(0, i - 1));
  return {
    step: finer,
    signal: signal.map((index, at) => (step[at]! > 0 ? index + (1 << finer[at]!) : index)),
    moves: Float32Array.from(step, (i) => Number(i > 0)),
  };
}

/** w(τ) = 0.9 τ + 0.1, what the loss of a frame is weighed by (eq. 8). */
export const rampWeight = (tau: number): number => 0.9 * tau + 0.1;
