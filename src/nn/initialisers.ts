import type { RandomStream } from '../random/stream.ts';

/** Fills a freshly allocated parameter array of one member. */
export type Initialiser = (random: RandomStream, out: Float32Array) => void;

/** How a layer's weights, or biases, are drawn, from its number of inputs and a factor. */
export type WeightInitialiser = (inputs: number, scale?: number) => Initialiser;

/** Truncated normal on [-2, 2] times scale / √inputs: keeps the variance of a layer's output near that of its input. */
export function fanIn(inputs: number, scale = 1): Initialiser {
  const factor = scale / Math.sqrt(inputs);
  return (random, out) => {
    for (let i = 0; i < out.length; i++) out[i] = factor * random.truncatedNormal();
  };
}

/** Uniform on ± scale / √inputs: what PyTorch draws the weights of a linear layer from, and its biases. */
export function uniformFanIn(inputs: number, scale = 1): Initialiser {
  const limit = scale / Math.sqrt(inputs);
  return (random, out) => {
    random.fillUniform(out, -limit, limit);
  };
}

/** N(0, scale²), whatever the number of inputs. */
export const gaussian: WeightInitialiser = (_inputs, scale = 1) => {
  return (random, out) => {
    random.fillNormal(out);
    for (let i = 0; i < out.length; i++) out[i]! *= scale;
  };
};

/**
 * A random orthogonal matrix [inputs, outputs] times `scale` (Saxe et al. 2014): of its rows or columns the fewer ones
 * are orthonormal. Gram and Schmidt's method makes such a set of normal vectors, uniformly over all.
 */
export function orthogonal(inputs: number, scale = 1): Initialiser {
  return (random, out) => {
    const outputs = out.length / inputs;
    const [count, length] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
    const vectors: Float64Array[] = [];
    for (let i = 0; i < count; i++) {
      const vector = Float64Array.from({ length }, () => random.normal());
      for (const other of vectors) addMultiple(vector, -dot(vector, other), other);
      const norm = Math.sqrt(dot(vector, vector));
      vectors.push(vector.map((x) => x / norm));
    }
    for (let row = 0; row < inputs; row++) {
      for (let column = 0; column < outputs; column++) {
        const x = inputs < outputs ? vectors[row]![column]! : vectors[column]![row]!;
        out[row * outputs + column] = scale * x;
      }
    }
  };
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

function addMultiple(a: Float64Array, factor: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i]! += factor * b[i]!;
}

export const zeros: Initialiser = (_random, out) => {
  out.fill(0);
};

export const ones: Initialiser = (_random, out) => {
  out.fill(1);
};

/** LSTM bias in the gate order input, forget, candidate, output: 1 on the forget gate, so that memory starts open. */
export const openForgetGate: Initialiser = (_random, out) => {
  const units = out.length / 4;
  out.fill(0).fill(1, units, 2 * units);
};
