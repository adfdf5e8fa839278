import type { RandomStream } from '../random/stream.ts';
import { matrixFunction, symmetricEigen } from './symmetric-eigen.ts';

/** Strategy constants, all but the weights scalars: table 1 of Hansen's tutorial. */
export interface CmaParameters {
  /** Dimensions. */
  n: number;
  /** λ: candidates of a generation. */
  population: number;
  /** μ: those with positive weights. */
  parents: number;
  /** w_i of the candidates from the best to the worst: [λ] */
  weights: Float64Array;
  /** μ_eff */
  effectiveParents: number;
  /** c_1, c_μ, c_c, c_σ, d_σ and E‖N(0, I)‖. */
  rankOneRate: number;
  rankMuRate: number;
  pathRate: number;
  stepPathRate: number;
  stepDamping: number;
  expectedNorm: number;
}

/** Fewer candidates than these cannot be ranked into two halves with a weight. */
export const LEAST_POPULATION = 4;

/**
 * The strategy constants of n dimensions and λ candidates.
 *
 * @param active whether the worse half has negative weights, 0 otherwise
 * @throws RangeError for fewer than one dimension or four candidates
 */
export function cmaParameters(n: number, population: number, active: boolean): CmaParameters {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`CMA-ES needs at least one dimension, got ${n}`);
  if (!Number.isInteger(population) || population < LEAST_POPULATION) {
    throw new RangeError(`CMA-ES needs a population of at least ${LEAST_POPULATION}, got ${population}`);
  }
  const parents = Math.floor(population / 2);
  const raw = Float64Array.from(
    { length: population },
    (_, i) => Math.log((population + 1) / 2) - Math.log(i + 1),
  );
  const effective = (part: Float64Array) => sum(part) ** 2 / sum(part.map((w) => w * w));
  const effectiveParents = effective(raw.subarray(0, parents));
  const effectiveRest = effective(raw.subarray(parents));
  const rankOneRate = 2 / ((n + 1.3) ** 2 + effectiveParents);
  const rankMuRate = Math.min(
    1 - rankOneRate,
    (2 * (1 / 4 + effectiveParents + 1 / effectiveParents - 2)) / ((n + 2) ** 2 + effectiveParents),
  );
  const least = Math.min(
    1 + rankOneRate / rankMuRate,
    1 + (2 * effectiveRest) / (effectiveParents + 2),
    (1 - rankOneRate - rankMuRate) / (n * rankMuRate),
  );
  const positive = sum(raw.map((w) => Math.max(w, 0)));
  const negative = sum(raw.map((w) => Math.max(-w, 0)));
  const weights = raw.map((w) => (w >= 0 ? w / positive : active ? (least * w) / negative : 0));
  const stepPathRate = (effectiveParents + 2) / (n + effectiveParents + 5);
  return {
    n,
    population,
    parents,
    weights,
    effectiveParents,
    rankOneRate,
    rankMuRate,
    pathRate: (4 + effectiveParents / n) / (n + 4 + (2 * effectiveParents) / n),
    stepPathRate,
    stepDamping: 1 + 2 * Math.max(0, Math.sqrt((effectiveParents - 1) / (n + 1)) - 1) + stepPathRate,
    expectedNorm: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
  };
}

/** All that the generations to come depend on, besides the constants: what a checkpoint holds. */
export interface CmaState {
  /** m: [n] */
  mean: Float64Array;
  /** σ */
  sigma: number;
  /** C, row-major: [n, n] */
  covariance: Float64Array;
  /** p_σ and p_c: [n] */
  stepPath: Float64Array;
  path: Float64Array;
  generation: number;
}

/** C = I, no paths. */
export const initialCma = (mean: ArrayLike<number>, sigma: number): CmaState => ({
  mean: Float64Array.from(mean),
  sigma,
  covariance: identity(mean.length),
  stepPath: new Float64Array(mean.length),
  path: new Float64Array(mean.length),
  generation: 0,
});

/** The candidates of one generation, and how they came about. */
export interface CmaGeneration {
  /** x_k = m + σ y_k: [λ][n] */
  candidates: Float64Array[];
  /** y_k = C^½ z_k: [λ][n] */
  steps: Float64Array[];
  /** C^−½, row-major: [n, n] */
  inverseRoot: Float64Array;
}

/**
 * The candidates of the next generation. C^½ is the symmetric root: it is unique, whatever order and signs a solver gives
 * eigenvectors, so that the same draws are the same candidates everywhere.
 *
 * @param noise z: standard normals, [λ × n]
 */
export function sampleGeneration(
  { mean, sigma, covariance }: CmaState,
  { n, population }: CmaParameters,
  noise: ArrayLike<number>,
): CmaGeneration {
  const eigen = symmetricEigen(covariance, n);
  // Rounding can take an eigenvalue of a nearly singular C below zero.
  const least = Math.max(...eigen.values) * Number.EPSILON;
  const root = matrixFunction(eigen, (value) => Math.sqrt(Math.max(value, least)));
  const inverseRoot = matrixFunction(eigen, (value) => 1 / Math.sqrt(Math.max(value, least)));
  const steps = Array.from({ length: population }, (_, k) =>
    multiply(
      root,
      Float64Array.from({ length: n }, (_, i) => noise[k * n + i]!),
    ),
  );
  return { candidates: steps.map((y) => mean.map((m, i) => m + sigma * y[i]!)), steps, inverseRoot };
}

/** z of a generation, from a stream: [λ × n] */
export function drawNoise({ n, population }: CmaParameters, random: RandomStream): Float64Array {
  return Float64Array.from({ length: population * n }, () => random.normal());
}

/**
 * One generation of CMA-ES, the evolution strategy with covariance matrix adaptation (Hansen, *The CMA Evolution Strategy:
 * A Tutorial*, arXiv:1604.00772, figure 6), which minimises:
 *
 *     y_w = Σ_{i≤μ} w_i y_i                          m ← m + σ y_w
 *     p_σ ← (1 − c_σ) p_σ + √(c_σ (2 − c_σ) μ_eff) C^−½ y_w
 *     p_c ← (1 − c_c) p_c + h √(c_c (2 − c_c) μ_eff) y_w
 *     C ← (1 + c_1 (1 − h) c_c (2 − c_c) − c_1 − c_μ Σ w) C + c_1 p_c p_c' + c_μ Σ w°_i y_i y_i'
 *     σ ← σ exp(c_σ / d_σ (‖p_σ‖ / E‖N(0, I)‖ − 1))
 *
 * over the candidates from the best to the worst, equal ones in their order. w° is w, but n w_i / ‖C^−½ y_i‖² where that
 * is negative; h is 0 while p_σ is long for its age, which keeps C from growing along a path that σ is behind of, else 1.
 *
 * @param values f of each candidate, to be minimised; pass the negative of a return. [λ]
 * @throws RangeError for another number of values, or one that is not a number
 */
export function cmaStep(
  state: CmaState,
  parameters: CmaParameters,
  { steps, inverseRoot }: CmaGeneration,
  values: ArrayLike<number>,
): CmaState {
  const { n, population, parents, weights, effectiveParents } = parameters;
  const { rankOneRate, rankMuRate, pathRate, stepPathRate, stepDamping, expectedNorm } = parameters;
  if (values.length !== population || Array.from(values).some(Number.isNaN)) {
    throw new RangeError(`CMA-ES needs ${population} values, each a number`);
  }
  // Array.prototype.sort is stable: ranks of equal values do not depend on how it sorts.
  const order = Array.from({ length: population }, (_, k) => k).sort((a, b) => values[a]! - values[b]! || 0);
  const ranked = order.map((k) => steps[k]!);
  const step = new Float64Array(n);
  for (let i = 0; i < parents; i++) {
    for (let j = 0; j < n; j++) step[j]! += weights[i]! * ranked[i]![j]!;
  }
  const whitened = multiply(inverseRoot, step);
  const stepGain = Math.sqrt(stepPathRate * (2 - stepPathRate) * effectiveParents);
  const stepPath = state.stepPath.map((p, j) => (1 - stepPathRate) * p + stepGain * whitened[j]!);
  const length = norm(stepPath);
  const generation = state.generation + 1;
  const age = Math.sqrt(1 - (1 - stepPathRate) ** (2 * generation));
  const h = length / age < (1.4 + 2 / (n + 1)) * expectedNorm ? 1 : 0;
  const gain = h * Math.sqrt(pathRate * (2 - pathRate) * effectiveParents);
  const path = state.path.map((p, j) => (1 - pathRate) * p + gain * step[j]!);
  const adjusted = weights.map((w, i) =>
    w >= 0 ? w : (w * n) / norm(multiply(inverseRoot, ranked[i]!)) ** 2,
  );
  const kept =
    1 + rankOneRate * (1 - h) * pathRate * (2 - pathRate) - rankOneRate - rankMuRate * sum(weights);
  const covariance = state.covariance.map((c) => kept * c);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rankMu = 0;
      for (let k = 0; k < population; k++) rankMu += adjusted[k]! * ranked[k]![i]! * ranked[k]![j]!;
      covariance[i * n + j]! += rankOneRate * path[i]! * path[j]! + rankMuRate * rankMu;
      covariance[j * n + i] = covariance[i * n + j]!;
    }
  }
  return {
    mean: state.mean.map((m, j) => m + state.sigma * step[j]!),
    sigma: state.sigma * Math.exp((stepPathRate / stepDamping) * (length / expectedNorm - 1)),
    covariance,
    stepPath,
    path,
    generation,
  };
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
}

/** A matrix, row-major [n, n], times a vector [n]. */
function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length;
  return vector.map((_, i) => {
    let product = 0;
    for (let j = 0; j < n; j++) product += matrix[i * n + j]! * vector[j]!;
    return product;
  });
}

const sum = (values: Float64Array): number => values.reduce((total, x) => total + x, 0);
const norm = (vector: Float64Array): number => Math.sqrt(vector.reduce((total, x) => total + x * x, 0));
