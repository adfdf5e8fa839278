import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../../engine/custom-gradient.ts';
import { ensembleSpecs, overHeads } from '../../nn/ensemble.ts';
import { fanIn, type Initialiser } from '../../nn/initialisers.ts';
import { dense } from '../../nn/linear.ts';
import { mlpLayers, mlpSpecs } from '../../nn/mlp.ts';
import { normDense } from '../../nn/norm-dense.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { EnsembleSettings } from './settings.ts';
import { inputSize } from './standardisation.ts';

/** σ of initial weights before they are truncated at 2 σ, times √inputs. */
const INITIAL_STD = 0.5;

/** How many numbers a network predicts of a step: õ′ − õ and r. */
export const targetSize = ({ observation }: Pick<AgentSpaces, 'observation'>): number => observation + 1;

/** The parameters of an ensemble. */
export function ensembleModelSpecs(settings: EnsembleSettings, spaces: AgentSpaces): ParameterSpec[] {
  const { networks, layers, units, logVariance, continueHead } = settings;
  const targets = targetSize(spaces);
  const hidden = Array(layers).fill(units);
  const weights = { weights: fanIn, scale: INITIAL_STD };
  const network = (name: string, inputs: number, outputs: number) =>
    ensembleSpecs(networks, mlpSpecs(name, inputs, hidden, outputs, INITIAL_STD, weights));
  const bound = (name: string, value: number): ParameterSpec => ({
    name: `dynamics.${name}`,
    shape: [targets],
    initialise: filled(value),
  });
  return [
    ...network('dynamics', inputSize(spaces), 2 * targets),
    ...(logVariance.learnt
      ? [bound('max_log_variance', logVariance.max), bound('min_log_variance', logVariance.min)]
      : []),
    ...(continueHead ? network('continue', spaces.observation, 1) : []),
  ];
}

const filled =
  (value: number): Initialiser =>
  (_random, out) => {
    out.fill(value);
  };

/** The networks called `name`, SiLU between their layers: [members, networks, rows, inputs] -> [members, networks, rows, outputs]. */
function siluMlp(
  parameters: Parameters,
  name: string,
  hiddenLayers: number,
  x: tf.Tensor,
  inputGradient: boolean,
): tf.Tensor {
  return overHeads(mlpLayers(parameters, name, hiddenLayers), x, (rows, layers) => {
    const hidden = layers.slice(0, -1).map((layer) => ({ ...layer, scale: undefined }));
    return dense(normDense(rows, hidden, 'silu', inputGradient), layers.slice(-1));
  });
}

/** What each network predicts of its rows, [members, networks, rows, targets] each: N(μ, σ) of independent numbers. */
export interface Prediction {
  mean: tf.Tensor;
  /** log σ² */
  logVariance: tf.Tensor;
}

/**
 * The dynamics.
 *
 * @param x õ and a, standardised: [members, networks, rows, inputs]; a constant
 */
export function predict(parameters: Parameters, settings: EnsembleSettings, x: tf.Tensor): Prediction {
  const output = siluMlp(parameters, 'dynamics', settings.layers, x, false);
  const [mean, raw] = tf.split(output, 2, 3) as [tf.Tensor, tf.Tensor];
  const { max, min } = logVarianceBounds(parameters, settings, x.shape[0]!, mean.shape[3]!);
  return { mean, logVariance: softlyBounded(raw, max, min) };
}

/**
 * Logit of the probability that the episode goes on.
 *
 * @param observation standardised õ′: [members, networks, rows, observation]; a constant
 * @returns [members, networks, rows, 1]
 */
export const continueLogit = (
  parameters: Parameters,
  { layers }: EnsembleSettings,
  observation: tf.Tensor,
): tf.Tensor => siluMlp(parameters, 'continue', layers, observation, false);

/** Between what log σ² of each target lies, softly: [members, targets] each. */
export function logVarianceBounds(
  parameters: Parameters,
  { logVariance }: Pick<EnsembleSettings, 'logVariance'>,
  members: number,
  targets: number,
): Record<'max' | 'min', tf.Tensor> {
  const { max, min, learnt } = logVariance;
  if (!learnt) return { max: tf.fill([members, targets], max), min: tf.fill([members, targets], min) };
  return {
    max: parameters.get('dynamics.max_log_variance'),
    min: parameters.get('dynamics.min_log_variance'),
  };
}

/**
 * x between bounds that it comes near softly (Chua et al. 2018):
 *
 *   u = max − softplus(max − x)      y = min + softplus(u − min)
 *
 * @param x [members, networks, rows, targets]
 * @param max [members, targets], as `min`
 */
export function softlyBounded(x: tf.Tensor, max: tf.Tensor, min: tf.Tensor): tf.Tensor {
  const perRow = (bound: tf.Tensor) => tf.expandDims(tf.expandDims(bound, 1), 1);
  return withGradient([x, max, min], () => {
    const below = tf.sub(perRow(max), x);
    const above = tf.sub(tf.sub(perRow(max), tf.softplus(below)), perRow(min));
    return {
      value: tf.add(perRow(min), tf.softplus(above)),
      keep: [below, above],
      gradient: (dy, [below, above]) => {
        const dU = tf.mul(dy, tf.sigmoid(above));
        const dX = tf.mul(dU, tf.sigmoid(below));
        return [dX, tf.sum(tf.sub(dU, dX), [1, 2]), tf.sum(tf.sub(dy, dU), [1, 2])];
      },
    };
  });
}
