import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { RandomStream } from '../src/random/stream.ts';
import {
  type CmaState,
  cmaParameters,
  cmaStep,
  drawNoise,
  initialCma,
  sampleGeneration,
} from '../src/training/cma-es.ts';
import { matrixFunction, symmetricEigen } from '../src/training/symmetric-eigen.ts';

/** The tutorial's λ for n dimensions. */
const defaultPopulation = (n: number): number => 4 + Math.floor(3 * Math.log(n));

/** Runs of the tutorial's equations in numpy, checked against the package cma 4.5.0 given that package's constants. */
const reference: Record<
  string,
  {
    function: 'sphere' | 'ellipsoid' | 'rosenbrock';
    n: number;
    lam: number;
    x0: number[];
    sigma0: number;
    active: boolean;
    parameters: Record<string, number> & { weights: number[] };
    /** [generations][λ][n] */
    z: number[][][];
    generations: {
      best: number;
      mean: number[];
      sigma: number;
      C: number[][];
      ps: number[];
      pc: number[];
      f: number[];
    }[];
  }
> = JSON.parse(gunzipSync(readFileSync(new URL('fixtures/cma.json.gz', import.meta.url))).toString('utf8'));

const functions = {
  sphere: (x: Float64Array) => x.reduce((sum, xi) => sum + xi * xi, 0),
  ellipsoid: (x: Float64Array) =>
    x.reduce((sum, xi, i) => sum + 10 ** ((6 * i) / (x.length - 1)) * xi * xi, 0),
  rosenbrock: (x: Float64Array) =>
    x.subarray(1).reduce((sum, next, i) => sum + 100 * (next - x[i]! ** 2) ** 2 + (1 - x[i]!) ** 2, 0),
};

/** @param scale what an error is held against, besides the values themselves */
function assertNear(
  found: ArrayLike<number>,
  expected: readonly number[],
  scale: number,
  what: string,
): void {
  assert.equal(found.length, expected.length, what);
  for (const [i, value] of expected.entries()) {
    const error = Math.abs(found[i]! - value);
    assert.ok(error <= 1e-12 * Math.max(Math.abs(value), scale), `${what}[${i}]: ${found[i]} for ${value}`);
  }
}

for (const [name, run] of Object.entries(reference)) {
  test(`CMA-ES makes the ${run.generations.length} generations of ${name}`, () => {
    const parameters = cmaParameters(run.n, run.lam, run.active);
    const { weights, ...p } = run.parameters;
    assertNear(parameters.weights, weights, 1, 'weights');
    assertNear(
      [
        ...[parameters.parents, parameters.effectiveParents, parameters.rankOneRate, parameters.rankMuRate],
        ...[parameters.pathRate, parameters.stepPathRate, parameters.stepDamping, parameters.expectedNorm],
      ],
      [p.mu!, p.mueff!, p.c1!, p.cmu!, p.cc!, p.cs!, p.ds!, p.chiN!],
      0,
      'constants',
    );
    let state = initialCma(run.x0, run.sigma0);
    for (const [g, { mean, sigma, C, ps, pc, f }] of run.generations.entries()) {
      const generation = sampleGeneration(state, parameters, run.z[g]!.flat());
      const values = generation.candidates.map(functions[run.function]);
      const where = `generation ${g}`;
      assertNear(values, f, Math.max(...f.map(Math.abs)), `${where}: f`);
      state = cmaStep(state, parameters, generation, values);
      assertNear(state.mean, mean, 1, `${where}: mean`);
      assertNear([state.sigma], [sigma], 0, `${where}: sigma`);
      assertNear(state.covariance, C.flat(), Math.max(...C.flat().map(Math.abs)), `${where}: C`);
      assertNear(state.stepPath, ps, 1, `${where}: ps`);
      assertNear(state.path, pc, 1, `${where}: pc`);
    }
    assert.equal(run.generations.length, 25);
  });
}

/** Minimises until a value below `target` is found. Returns the generations that took. */
function minimise(
  f: (x: Float64Array) => number,
  start: readonly number[],
  { sigma = 1, seed = 0, active = true, target = 1e-10, most = 1000 } = {},
): { generations: number; state: CmaState } {
  const parameters = cmaParameters(start.length, defaultPopulation(start.length), active);
  const random = RandomStream.named(seed, 'cma');
  let state = initialCma(start, sigma);
  for (let generations = 1; generations <= most; generations++) {
    const generation = sampleGeneration(state, parameters, drawNoise(parameters, random));
    const values = generation.candidates.map(f);
    state = cmaStep(state, parameters, generation, values);
    if (Math.min(...values) < target) return { generations, state };
  }
  return assert.fail(`no value below ${target} in ${most} generations`);
}

test('CMA-ES finds the minima in about as many generations as others need', () => {
  // The reference's own range over five seeds, widened by a half: sphere 97-114, ellipsoid 179-203, Rosenbrock 150-182.
  const five = [1, -2, 0.5, 3, 1.5];
  for (const seed of [0, 1, 2]) {
    const took = [
      minimise(functions.sphere, five, { seed }).generations,
      minimise(functions.ellipsoid, five, { seed }).generations,
      minimise(functions.rosenbrock, [0, 0, 0, 0], { seed, sigma: 0.5 }).generations,
    ];
    assert.ok(took[0]! < 170 && took[1]! < 300 && took[2]! < 270, `${took}`);
  }
});

test('only the ranks of the values count, and where the coordinates begin does not', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 6 }),
      fc.double({ min: -5, max: 5, noNaN: true }),
      (seed, n, shift) => {
        const parameters = cmaParameters(n, defaultPopulation(n) + 1, true);
        const run = (transform: (value: number) => number, offset: number) => {
          const random = RandomStream.named(seed, 'cma');
          let state = initialCma(new Float64Array(n).fill(1 + offset), 0.7);
          for (let g = 0; g < 8; g++) {
            const generation = sampleGeneration(state, parameters, drawNoise(parameters, random));
            const values = generation.candidates.map((x) =>
              transform(functions.sphere(x.map((xi) => xi - offset))),
            );
            state = cmaStep(state, parameters, generation, values);
          }
          return state;
        };
        const plain = run((value) => value, 0);
        assert.deepEqual(
          run((value) => Math.log(value) - 3, 0),
          plain,
        );
        const moved = run((value) => value, shift);
        assertNear(
          moved.mean.map((m) => m - shift),
          [...plain.mean],
          100,
          'mean',
        );
        // C stays symmetric and positive definite.
        const { values } = symmetricEigen(plain.covariance, n);
        assert.ok(values.every((value) => value > 0));
      },
    ),
    { seed: 1, numRuns: 30 },
  );
});

test('equal values keep their order, and a flat function moves nothing by rank alone', () => {
  const parameters = cmaParameters(3, 8, true);
  const state = initialCma([0, 0, 0], 1);
  const generation = sampleGeneration(
    state,
    parameters,
    drawNoise(parameters, RandomStream.named(0, 'flat')),
  );
  const { mean } = cmaStep(state, parameters, generation, new Array(8).fill(500));
  const inOrder = cmaStep(state, parameters, generation, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(mean, inOrder.mean);
  const infinite = cmaStep(state, parameters, generation, [1, 2, 3, 4, 5, 6, Infinity, Infinity]);
  assert.deepEqual(infinite, inOrder);
});

test('too small a population and values that are none are refused', () => {
  for (const [n, population, says] of [
    [3, 3, /population of at least 4, got 3/],
    [3, 4.5, /population/],
    [0, 8, /at least one dimension, got 0/],
  ] as const) {
    assert.throws(() => cmaParameters(n, population, true), says);
  }
  const parameters = cmaParameters(1, 4, false);
  const state = initialCma([0], 1);
  const generation = sampleGeneration(state, parameters, [1, 2, 3, 4]);
  assert.throws(() => cmaStep(state, parameters, generation, [1, 2, 3]), /needs 4 values/);
  assert.throws(() => cmaStep(state, parameters, generation, [1, 2, 3, NaN]), /each a number/);
});

test('a symmetric matrix is put together again from its eigenvalues and vectors, and its root squared', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, n) => {
      const random = RandomStream.named(seed, 'matrix');
      const factor = Float64Array.from({ length: n * n }, () => random.normal());
      const product = (x: ArrayLike<number>, y: (i: number, j: number) => number) =>
        Float64Array.from({ length: n * n }, (_, at) => {
          let total = 0;
          for (let k = 0; k < n; k++) total += x[Math.floor(at / n) * n + k]! * y(k, at % n);
          return total;
        });
      const matrix = product(factor, (k, j) => factor[j * n + k]!);
      const eigen = symmetricEigen(matrix, n);
      const scale = Math.max(...matrix.map(Math.abs));
      assertNear(
        matrixFunction(eigen, (x) => x),
        [...matrix],
        scale,
        "V d V'",
      );
      const root = matrixFunction(eigen, (x) => Math.sqrt(Math.max(x, 0)));
      assertNear(
        product(root, (k, j) => root[k * n + j]!),
        [...matrix],
        scale,
        'root',
      );
      const { vectors } = eigen;
      const unit = product(vectors, (k, j) => vectors[j * n + k]!);
      assertNear(
        unit,
        Array.from(unit, (_, at) => Number(at % (n + 1) === 0)),
        1,
        "V V'",
      );
    }),
    { seed: 1, numRuns: 50 },
  );
  assert.throws(() => symmetricEigen(Float64Array.of(Number.NaN), 1), RangeError);
});
