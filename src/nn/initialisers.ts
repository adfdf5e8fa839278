import type { RandomStream } from '../random/stream.ts';

/** Fills a freshly allocated parameter array of one member. */
export type Initialiser = (random: RandomStream, out: Float32Array) => void;

/** Truncated normal on [-2, 2] times scale / √inputs: keeps the variance of a layer's output near that of its input. */
export function fanIn(inputs: number, scale = 1): Initialiser {
  const factor = scale / Math.sqrt(inputs);
  return (random, out) => {
    for (let i = 0; i < out.length; i++) out[i] = factor * random.truncatedNormal();
  };
}

export const zeros: Initialiser = (_random, out) => {
  out.fill(0);
};

/** LSTM bias in the gate order input, forget, candidate, output: 1 on the forget gate, so that memory starts open. */
export const openForgetGate: Initialiser = (_random, out) => {
  const units = out.length / 4;
  out.fill(0).fill(1, units, 2 * units);
};
