import type * as tf from '@tensorflow/tfjs-core';
import { gaussian, orthogonal, type WeightInitialiser } from '../../nn/initialisers.ts';
import { layerNormDense, layerNormSpecs } from '../../nn/layer-norm-dense.ts';
import { linear, linearSpecs } from '../../nn/linear.ts';
import { normDense, normLayer } from '../../nn/norm-dense.ts';
import type { Hidden } from '../../nn/norm-mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { simNorm } from '../../nn/simnorm.ts';
import type { LatentSettings, LayerKind } from './settings.ts';

/** Hidden layers of every network but the encoder. */
export const HIDDEN_LAYERS = 2;

/** How a network is made. */
export interface NetworkStyle {
  kind: LayerKind;
  /** Whether the first hidden layer of a plain network is normalised all the same, with tanh: TD-MPC's value heads. */
  normedFirst?: boolean;
}

const weightsOf: Record<LayerKind, { weights: WeightInitialiser; scale: number }> = {
  normed: { weights: gaussian, scale: 0.02 },
  plain: { weights: orthogonal, scale: 1 },
};

/** Whether hidden layer `i` is normalised. */
const isNormed = ({ kind, normedFirst = false }: NetworkStyle, i: number): boolean =>
  kind === 'normed' || (normedFirst && i === 0);

/** Hidden layers `${name}.0`, `${name}.1`, … */
function hiddenSpecs(name: string, inputs: number, { layers, units }: Hidden, style: NetworkStyle) {
  const { weights, scale } = weightsOf[style.kind];
  return Array.from({ length: layers }, (_, i): ParameterSpec[] => {
    const from = i === 0 ? inputs : units;
    return isNormed(style, i)
      ? layerNormSpecs(`${name}.${i}`, from, units, weights, scale)
      : linearSpecs(`${name}.${i}`, from, units, scale, weights);
  }).flat();
}

/** Hidden layers, and the linear one `${name}.out`, which begins at 0 where it is `zero`. */
export function networkSpecs(
  name: string,
  inputs: number,
  hidden: Hidden,
  outputs: number,
  style: NetworkStyle,
  zero = false,
): ParameterSpec[] {
  const { weights, scale } = weightsOf[style.kind];
  return [
    ...hiddenSpecs(name, inputs, hidden, style),
    ...linearSpecs(`${name}.out`, hidden.units, outputs, zero ? 0 : scale, weights),
  ];
}

/**
 * The network called `name`: [members, …, inputs] -> [members, …, outputs].
 *
 * @param inputGradient false where x is data or a constant
 */
export function network(
  parameters: Parameters,
  name: string,
  layers: number,
  x: tf.Tensor,
  style: NetworkStyle,
  inputGradient = true,
): tf.Tensor {
  return linear(parameters, `${name}.out`, hidden(parameters, name, layers, x, style, inputGradient));
}

function hidden(
  parameters: Parameters,
  name: string,
  layers: number,
  x: tf.Tensor,
  style: NetworkStyle,
  inputGradient: boolean,
): tf.Tensor {
  let y = x;
  for (let i = 0; i < layers; i++) {
    const gradient = inputGradient || i > 0;
    if (isNormed(style, i)) {
      const activation = style.kind === 'normed' ? 'mish' : 'tanh';
      y = layerNormDense(parameters, `${name}.${i}`, y, activation, gradient);
    } else {
      y = normDense(y, [normLayer(parameters, `${name}.${i}`, false)], 'elu', gradient);
    }
  }
  return y;
}

/** A network that ends in a latent: a normalised layer before SimNorm, a linear one where z is free. */
export function toLatentSpecs(
  name: string,
  inputs: number,
  hidden: Hidden,
  { latent, simNorm, layers: kind }: LatentSettings,
): ParameterSpec[] {
  if (simNorm === 0) return networkSpecs(name, inputs, hidden, latent, { kind });
  const { weights, scale } = weightsOf[kind];
  return [
    ...hiddenSpecs(name, inputs, hidden, { kind }),
    ...layerNormSpecs(`${name}.out`, hidden.units, latent, weights, scale),
  ];
}

/** The latent that the network called `name` makes of x: [members, …, inputs] -> [members, …, latent]. */
export function toLatent(
  parameters: Parameters,
  name: string,
  layers: number,
  x: tf.Tensor,
  { simNorm: group, layers: kind }: LatentSettings,
  inputGradient = true,
): tf.Tensor {
  const y = hidden(parameters, name, layers, x, { kind }, inputGradient);
  if (group === 0) return linear(parameters, `${name}.out`, y);
  return simNorm(layerNormDense(parameters, `${name}.out`, y, 'none'), group);
}
