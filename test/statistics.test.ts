import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bootstrapComparison, bootstrapInterval, Resamples } from '../src/bootstrap.ts';
import { RandomStream } from '../src/random/stream.ts';
import {
  holm,
  type Interval,
  interquartileMean,
  mean,
  probabilityOfImprovement,
  quantile,
  standardDeviation,
} from '../src/statistics.ts';
import { effectForPower, powerOfTest, samplesForPower, studentInterval, welch } from '../src/student.ts';

// The expected numbers are scripts/statistics_reference.py's, by numpy and scipy.
const a = [402.5, 387.25, 420.125, 399, 250.0625];
const b = [500, 500, 491.5, 500, 482.75, 500, 402.5];
const constant = [500, 500, 500, 500, 500];
const errors = [2.5e-4, 1.75e-4, 3.1e-4, 2.2e-4, 9.1e-4, 1.2e-4];

const stream = () => RandomStream.named(0, 'bootstrap');
const resamples = () => new Resamples(stream);

function close(actual: number | null | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(
    actual != null && Math.abs(actual - expected) <= tolerance * Math.abs(expected),
    `expected ${expected}, got ${actual}`,
  );
}

/** Checks the ends against the quantiles of the exact bootstrap distribution at 3.5 standard errors to each side. */
function between(interval: Interval | null, low: [number, number], high: [number, number]): void {
  assert.ok(interval !== null, 'no interval');
  // A mean summed in another order may be its neighbour.
  const inside = (value: number, [from, to]: [number, number]) =>
    value >= from * (1 - 1e-12) && value <= to * (1 + 1e-12);
  assert.ok(inside(interval.low, low), `low ${interval.low} is not in [${low}]`);
  assert.ok(inside(interval.high, high), `high ${interval.high} is not in [${high}]`);
}

test('mean and standard deviation agree with numpy, n - 1', () => {
  assert.equal(mean(a), 371.7875);
  close(standardDeviation(a), 69.05859151836215);
  // One pass over squares would lose every digit here.
  close(standardDeviation([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]), Math.sqrt(30));
  assert.equal(standardDeviation([3]), null);
  assert.equal(standardDeviation([0.1, 0.1, 0.1]), 0);
  assert.deepEqual([mean([]), standardDeviation([])], [null, null]);
});

test("the interquartile mean is scipy's trim_mean of a quarter, as rliable's", () => {
  close(interquartileMean(a), 396.25);
  close(interquartileMean(b), 494.85);
  close(interquartileMean(errors), 0.00023874999999999998);
  close(interquartileMean([500, 500, 491.5]), 497.1666666666667);
  assert.equal(interquartileMean([]), null);
});

test("a quantile is numpy's, whatever the order of the values", () => {
  // numpy.quantile([8, 1, 4, 2], [0, 0.25, 0.5, 0.9, 1])
  for (const [q, expected] of [
    [0, 1],
    [0.25, 1.75],
    [0.5, 3],
    [0.9, 6.8],
    [1, 8],
  ] as const) {
    close(quantile([8, 1, 4, 2], q), expected);
  }
  assert.equal(quantile([3], 0.3), 3);
});

test('bootstrap intervals lie where every resample, enumerated, puts them', () => {
  between(bootstrapInterval(a, resamples()), [307.9875, 310.3375], [409.325, 410.025]);
  between(
    bootstrapInterval(errors, resamples()),
    [0.0001733333333333333, 0.00017916666666666667],
    [0.0005675, 0.0005783333333333334],
  );
  const five = b.slice(0, 5);
  between(
    bootstrapComparison(five, a, (x, y) => x - y, resamples()),
    [83, 84.29999999999995],
    [184.51250000000005, 186.91250000000002],
  );
  between(
    bootstrapComparison(five, a, (x, y) => x / y, resamples()),
    [1.2020819463777765, 1.2063184651697634],
    [1.5941575378195099, 1.6056712450155075],
  );
});

test('a bootstrap interval is, to the bit, that of the means of 10,000 resamples in order', () => {
  const shared = resamples();
  const value = fc.double({ noNaN: true, min: -1e6, max: 1e6 });
  const sample = fc.oneof(
    fc.array(value, { minLength: 2, maxLength: 6 }),
    fc.array(fc.constantFrom(1, 1, 2, 500), { minLength: 2, maxLength: 6 }),
  );
  const inOrder = (b: readonly number[][], compare: (means: number[]) => number) => {
    const draws = stream();
    const means = Array.from({ length: 10_000 }, () =>
      compare(
        b.map((values) => {
          const sum = values.reduce((sum) => sum + (values[draws.integer(values.length)]! - values[0]!), 0);
          return values[0]! + sum / values.length;
        }),
      ),
    );
    return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
  };
  fc.assert(
    fc.property(sample, sample, (x, y) => {
      assert.deepEqual(
        bootstrapInterval(x, shared),
        inOrder([x], ([mean]) => mean!),
      );
      assert.deepEqual(
        bootstrapComparison(x, y, (p, q) => p - q, shared),
        inOrder([x, y], ([p, q]) => p! - q!),
      );
    }),
    { seed: 1, numRuns: 30 },
  );
});

test('a bootstrap interval is the same each time; equal values give a point, too few give none', () => {
  assert.deepEqual(bootstrapInterval(a, resamples()), bootstrapInterval(a, resamples()));
  assert.notDeepEqual(
    bootstrapInterval(errors, resamples()),
    bootstrapInterval(errors, new Resamples(() => RandomStream.named(1, 'bootstrap'))),
  );
  assert.deepEqual(bootstrapInterval([0.1, 0.1, 0.1], resamples()), { low: 0.1, high: 0.1 });
  assert.equal(bootstrapInterval([500], resamples()), null);
  assert.equal(bootstrapInterval([1, Number.POSITIVE_INFINITY], resamples()), null);
  assert.equal(
    bootstrapComparison(a, [1], (x, y) => x - y, resamples()),
    null,
  );
});

test("Welch's test agrees with scipy, and is not defined without spread", () => {
  const expected: [number[], number[], [number, number, number]][] = [
    [a, b, [-3.279743417168286, 5.549975951454129, 0.018847775417454984]],
    [constant, a, [4.15142937702346, 4, 0.014243761954212637]],
    [errors, a, [-12.03820357662062, 4.000000000118379, 0.000273014218308396]],
    [constant, b, [1.299868842599111, 6, 0.24134729956692796]],
  ];
  for (const [x, y, [t, degreesOfFreedom, p]] of expected) {
    const result = welch(x, y);
    close(result?.t, t);
    close(result?.degreesOfFreedom, degreesOfFreedom);
    close(result?.p, p, 1e-9);
  }
  assert.equal(welch(constant, constant), null);
  assert.equal(welch([0.1, 0.1, 0.1], [0.2, 0.2]), null);
  assert.equal(welch([500], a), null);
  assert.equal(welch([Number.POSITIVE_INFINITY, 1], a), null);
});

test("the interval of a printed mean is scipy's t interval", () => {
  for (const [printed, low, high] of [
    [{ mean: 402.3, std: 15.2 }, 383.4267072273028, 421.1732927726972],
    [{ mean: 482.7, std: 8.4 }, 472.27002241508836, 493.1299775849116],
  ] as const) {
    const interval = studentInterval(printed, 5);
    close(interval?.low, low, 1e-9);
    close(interval?.high, high, 1e-9);
  }
  assert.equal(studentInterval({ mean: 1, std: null }, 1), null);
});

test("Holm's correction is the closed test of all sets of tests, enumerated", () => {
  const cases = [
    [
      [0.014243761954212637, 0.24134729956692796, 0.018847775417454984],
      [0.04273128586263791, 0.24134729956692796, 0.04273128586263791],
    ],
    [
      [0.04, 0.001, 0.6, 0.03, 0.02, 0.6, 0],
      [0.12, 0.006, 1, 0.12, 0.1, 1, 0],
    ],
  ] as const;
  for (const [values, expected] of cases) {
    for (const [i, value] of holm(values).entries()) close(value, expected[i]!);
  }
  assert.deepEqual(holm([0.02]), [0.02], 'one test is not corrected');
  assert.deepEqual(holm([]), []);
});

test("the probability of improvement is scipy's U over its greatest value; both ways make 1", () => {
  close(probabilityOfImprovement(a, b), 0.04285714285714286);
  close(probabilityOfImprovement(b, a), 0.9571428571428572);
  close(probabilityOfImprovement(constant, b), 0.7142857142857143);
  assert.equal(probabilityOfImprovement([], a), null);
  const sample = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sample, sample, (x, y) =>
      close(probabilityOfImprovement(x, y)! + probabilityOfImprovement(y, x)!, 1),
    ),
    { seed: 1 },
  );
});

test("the power of a t test is that of the examples of R's power.t.test", () => {
  close(powerOfTest(1, 20, 0.05), 0.8689528, 1e-6);
  close(powerOfTest(-1, 20, 0.05), 0.8689528, 1e-6);
  // power.t.test(power = .90, delta = 1): n = 22.02110, so that 22 are too few by a hair.
  assert.equal(samplesForPower(1, 0.9, 0.05), 23);
  // Without any effect it is the level, and Cohen's (1988) 64 for a medium one.
  close(powerOfTest(0, 12, 0.01), 0.01, 1e-6);
  assert.equal(samplesForPower(0.5, 0.8, 0.05), 64);
  close(powerOfTest(effectForPower(20, 0.8, 0.004), 20, 0.004), 0.8, 1e-9);
  assert.throws(() => samplesForPower(0, 0.8, 0.05), RangeError);
});
