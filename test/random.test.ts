import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RandomStream } from '../src/random/stream.ts';

const uniforms = (stream: RandomStream, n: number) => Array.from({ length: n }, () => stream.uniform());
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

/** Mean, variance, skewness and kurtosis. */
function moments(values: ArrayLike<number>): [number, number, number, number] {
  const mu = mean(values);
  const central = (power: number) => mean(Array.from(values, (x) => (x - mu) ** power));
  const variance = central(2);
  return [mu, variance, central(3) / variance ** 1.5, central(4) / variance ** 2];
}

function assertNear(actual: readonly number[], expected: readonly number[], tolerance: number) {
  for (const [i, x] of actual.entries()) {
    assert.ok(
      Math.abs(x - expected[i]!) <= tolerance,
      `[${actual}] is not within ${tolerance} of [${expected}]`,
    );
  }
}

// From an independent implementation (SHA-256, xoroshiro128+ on 64-bit integers with the constants 24, 16, 37).
test('known first values: a stored run depends on them', () => {
  assert.deepEqual(RandomStream.named(0, 'replay').state(), [-1877792382, 727654678, 311365966, 2084106926]);
  assert.deepEqual(
    uniforms(RandomStream.named(0, 'replay'), 3),
    [0.8985129107521205, 0.5201016031730245, 0.30891536326801505],
  );
  const integers = RandomStream.named(1, 'actions');
  assert.deepEqual(
    Array.from({ length: 10 }, () => integers.integer(10)),
    [0, 0, 1, 4, 1, 0, 9, 3, 4, 5],
  );
  // Not to the bit: log and cos may differ in the last one between versions of V8.
  assertNear(
    [...RandomStream.named(0, 'noise').fillNormal(new Float32Array(4))],
    [-0.61863356, -0.90929867, 1.03582279, -0.38236456],
    1e-6,
  );
});

test('the first state is the hash of seed and name', () => {
  const names = ['reset', 'noise', 'noise2', '1/noise', ''];
  const states = [0, 1, 2, 2 ** 31 - 1].flatMap((seed) =>
    names.map((name) => RandomStream.named(seed, name).state()),
  );
  assert.equal(new Set(states.map(String)).size, states.length);
  assert.deepEqual(RandomStream.named(3, 'noise').state(), RandomStream.named(3, 'noise').state());
  assert.ok(states.every((state) => state.length === 4 && state.every((word) => word === (word | 0))));
});

test('streams of other seeds and names are uncorrelated', () => {
  const n = 4000;
  const streams = [0, 1, 2, 3, 4].flatMap((seed) =>
    ['reset', 'actions', 'noise'].map((name) =>
      uniforms(RandomStream.named(seed, name), n).map((u) => u - 0.5),
    ),
  );
  for (const [i, a] of streams.entries()) {
    for (const b of streams.slice(0, i)) {
      const correlation = 12 * mean(a.map((x, k) => x * b[k]!));
      // Five standard deviations of the correlation of independent streams.
      assert.ok(Math.abs(correlation) < 5 / Math.sqrt(n), `correlation ${correlation}`);
    }
  }
});

test('a stream goes on from its state, whatever was drawn before', () => {
  const draws = [
    (s: RandomStream) => s.uniform(),
    (s: RandomStream) => s.integer(7),
    (s: RandomStream) => s.normal(),
    (s: RandomStream) => s.truncatedNormal(),
    (s: RandomStream) => s.fillNormal(new Float32Array(3)),
    (s: RandomStream) => s.fillUniform(new Float32Array(2), -1, 1),
    (s: RandomStream) => s.fillGumbel(new Float32Array(2)),
  ];
  const which = fc.array(fc.nat(draws.length - 1), { maxLength: 12 });
  fc.assert(
    fc.property(fc.nat(), fc.string(), which, which, (seed, name, before, after) => {
      const stream = RandomStream.named(seed, name);
      for (const i of before) draws[i]!(stream);
      const state = stream.state();
      const copy = RandomStream.fromState(JSON.parse(JSON.stringify(state)));
      const expected = after.map((i) => draws[i]!(stream));
      assert.deepEqual(
        after.map((i) => draws[i]!(copy)),
        expected,
      );
      assert.deepEqual(copy.state(), stream.state());
      if (after.length > 0) assert.notDeepEqual(stream.state(), state);
    }),
    { seed: 1 },
  );
});

test('a state that is none is refused', () => {
  for (const state of [[], [1, 2, 3], [0, 0, 0, 0], [1, 2, 3, 0.5], [1, 2, 3, 2 ** 31], [1, 2, 3, NaN]]) {
    assert.throws(() => RandomStream.fromState(state), RangeError, String(state));
  }
});

test('uniforms: range, moments, resolution', () => {
  const values = uniforms(RandomStream.named(0, 'uniform'), 50_000);
  assert.ok(values.every((u) => u >= 0 && u < 1));
  assertNear(moments(values), [1 / 2, 1 / 12, 0, 9 / 5], 0.02);
  assert.ok(
    values.some((u) => (u * 2 ** 52) % 1 === 0.5),
    '53 bits',
  );

  const filled = RandomStream.named(0, 'uniform').fillUniform(new Float32Array(50_000), -3, 5);
  assert.ok(filled.every((x) => x >= -3 && x < 5));
  assertNear(moments(filled).slice(0, 2), [1, 64 / 12], 0.05);
  // Half of this interval, one float32 wide, rounds to `high`, which must never be returned.
  const narrow = [1, 1 + 2 ** -23] as const;
  assert.ok(
    RandomStream.named(0, 'uniform')
      .fillUniform(new Float32Array(100), ...narrow)
      .every((x) => x === 1),
  );
});

test('integers: every value below the bound, equally often', () => {
  for (const bound of [1, 2, 3, 10]) {
    const stream = RandomStream.named(0, `integer ${bound}`);
    const counts = new Array<number>(bound).fill(0);
    for (let i = 0; i < 20_000; i++) counts[stream.integer(bound)]! += 1;
    const expected = 20_000 / bound;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assert.ok(chiSquare < bound - 1 + 5 * Math.sqrt(2 * bound), `bound ${bound}: ${counts}`);
  }
  // A modulus of 2^32 by 3 * 2^30 would make values below 2^30 twice as likely.
  const stream = RandomStream.named(0, 'bias');
  const low = Array.from({ length: 4000 }, () => Number(stream.integer(3 * 2 ** 30) < 2 ** 30));
  assert.ok(Math.abs(mean(low) - 1 / 3) < 0.04);
  for (const bound of [0, -1, 1.5, NaN, 2 ** 32 + 1]) assert.throws(() => stream.integer(bound), RangeError);
});

test('normals: moments, independence of a pair, odd lengths', () => {
  const values = RandomStream.named(0, 'normal').fillNormal(new Float32Array(50_000));
  assertNear(moments(values), [0, 1, 0, 3], 0.06);
  const even = values.filter((_, i) => i % 2 === 0);
  const odd = values.filter((_, i) => i % 2 === 1);
  assertNear(
    [mean(even.map((x, i) => x * odd[i]!)), mean(even.map((x, i) => (x * odd[i]!) ** 2))],
    [0, 1],
    0.06,
  );

  const single = RandomStream.named(0, 'single');
  assertNear(moments(Array.from({ length: 20_000 }, () => single.normal())), [0, 1, 0, 3], 0.1);

  const five = RandomStream.named(0, 'odd');
  const six = RandomStream.named(0, 'odd');
  assert.deepEqual(five.fillNormal(new Float32Array(5)), six.fillNormal(new Float32Array(6)).subarray(0, 5));
  assert.deepEqual(five.state(), six.state(), 'the odd one discards its twin');
});

test('truncated normals stay within 2 and have the variance 0.774', () => {
  const stream = RandomStream.named(0, 'truncated');
  const values = Array.from({ length: 20_000 }, () => stream.truncatedNormal());
  assert.ok(values.every((x) => Math.abs(x) <= 2));
  assert.ok(values.some((x) => Math.abs(x) > 1.95));
  assertNear(moments(values).slice(0, 2), [0, 0.7737], 0.03);
});

test('Gumbel noise has mean 0.577 and variance pi^2 / 6, and makes argmax a sample of the softmax', () => {
  const values = RandomStream.named(0, 'gumbel').fillGumbel(new Float32Array(60_000));
  assert.ok(values.every(Number.isFinite));
  assertNear(moments(values).slice(0, 2), [0.5772, Math.PI ** 2 / 6], 0.05);
  const logit = Math.log(3);
  const wins = Array.from({ length: 30_000 }, (_, i) => Number(values[2 * i]! + logit > values[2 * i + 1]!));
  assertNear([mean(wins)], [0.75], 0.015);
});

test('the least uniform gives finite noise', () => {
  // A state whose next two outputs are 0 in the bits that a uniform takes: the logarithm's argument must not be 0.
  const start = () => RandomStream.fromState([0, 0, 2 ** 27, 0]);
  assert.equal(start().uniform(), 0);
  for (const value of [
    start().normal(),
    ...start().fillGumbel(new Float32Array(1)),
    ...start().fillNormal(new Float32Array(2)),
  ]) {
    assert.ok(Number.isFinite(value));
  }
});
