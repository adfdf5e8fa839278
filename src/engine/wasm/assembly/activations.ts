import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';

/**
 * tanh of four lanes: an odd rational function of degree 13 over 6 up to a bound, beyond which tanh is 1 in float32 (the
 * minimax coefficients of Eigen's `ptanh`). Within 5e-7 of tanh everywhere, within 3e-7 where products are fused.
 */
@inline
export function tanh(input: v128): v128 {
  // Where the quotient comes to 1, which rounding once or twice decides.
  const bound: f32 = ASC_FEATURE_RELAXED_SIMD ? 7.99881172180175781 : 7.90531110763549805;
  // These two pass NaN on, and are one instruction each.
  const x = f32x4.pmax(f32x4.pmin(input, f32x4.splat(bound)), f32x4.splat(-bound));
  const square = f32x4.mul(x, x);
  let p = multiplyAdd(square, f32x4.splat(-2.76076847742355e-16), f32x4.splat(2.00018790482477e-13));
  p = multiplyAdd(square, p, f32x4.splat(-8.60467152213735e-11));
  p = multiplyAdd(square, p, f32x4.splat(5.12229709037114e-8));
  p = multiplyAdd(square, p, f32x4.splat(1.48572235717979e-5));
  p = multiplyAdd(square, p, f32x4.splat(6.37261928875436e-4));
  p = multiplyAdd(square, p, f32x4.splat(4.89352455891786e-3));
  let q = multiplyAdd(square, f32x4.splat(1.19825839466702e-6), f32x4.splat(1.18534705686654e-4));
  q = multiplyAdd(square, q, f32x4.splat(2.26843463243900e-3));
  q = multiplyAdd(square, q, f32x4.splat(4.89352518554385e-3));
  return f32x4.div(f32x4.mul(x, p), q);
}

/** σ(x) = 1/2 + tanh(x / 2) / 2 of four lanes. */
@inline
export function sigmoid(x: v128): v128 {
  const half = f32x4.splat(0.5);
  return multiplyAdd(half, tanh(f32x4.mul(half, x)), half);
}

/**
 * e^x of four lanes, within 1e-7 of its size: 2^n e^r with n the integer nearest to x / ln 2 and |r| <= ln 2 / 2, where
 * a polynomial does (the minimax coefficients of Cephes' `expf`). Below -87.7 it is 0, above 88.3 infinity.
 */
@inline
export function exp(input: v128): v128 {
  const x = f32x4.pmax(f32x4.pmin(input, f32x4.splat(89)), f32x4.splat(-88));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  // ln 2 in two parts, the first with few digits, so that n ln 2 is exact.
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = multiplyAdd(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  // 2^n by its exponent bits: 0 for n = -127, infinity for n = 128.
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

/** The natural logarithm of four lanes: -infinity of 0, NaN of what is below (the minimax coefficients of Cephes' `logf`). */
@inline
export function log(x: v128): v128 {
  // What has no exponent of its own borrows one.
  const isTiny = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const bits = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, isTiny);
  let exponent = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_s(bits, 23), i32x4.splat(126)));
  exponent = f32x4.sub(exponent, v128.and(isTiny, f32x4.splat(23)));
  // The fraction in [0.5, 1), then, with the exponent, in [√0.5, √2), less 1.
  let m = v128.or(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f000000));
  const isLow = f32x4.lt(m, f32x4.splat(0.707106781186547524));
  exponent = f32x4.sub(exponent, v128.and(isLow, f32x4.splat(1)));
  m = f32x4.sub(f32x4.add(m, v128.and(isLow, m)), f32x4.splat(1));
  const square = f32x4.mul(m, m);
  let p = multiplyAdd(m, f32x4.splat(7.0376836292e-2), f32x4.splat(-1.1514610310e-1));
  p = multiplyAdd(p, m, f32x4.splat(1.1676998740e-1));
  p = multiplyAdd(p, m, f32x4.splat(-1.2420140846e-1));
  p = multiplyAdd(p, m, f32x4.splat(1.4249322787e-1));
  p = multiplyAdd(p, m, f32x4.splat(-1.6668057665e-1));
  p = multiplyAdd(p, m, f32x4.splat(2.0000714765e-1));
  p = multiplyAdd(p, m, f32x4.splat(-2.4999993993e-1));
  p = multiplyAdd(p, m, f32x4.splat(3.3333331174e-1));
  p = f32x4.mul(f32x4.mul(p, m), square);
  p = multiplyAdd(exponent, f32x4.splat(-2.12194440e-4), p);
  p = f32x4.sub(p, f32x4.mul(square, f32x4.splat(0.5)));
  const result = multiplyAdd(exponent, f32x4.splat(0.693359375), f32x4.add(m, p));
  const zero = f32x4.splat(0), infinity = f32x4.splat(Infinity);
  const isPlain = v128.and(f32x4.gt(x, zero), f32x4.lt(x, infinity));
  // Infinity and NaN are their own logarithms, what is below 0 has none.
  const other = v128.bitselect(f32x4.neg(infinity), f32x4.mul(x, f32x4.sqrt(x)), f32x4.eq(x, zero));
  return v128.bitselect(result, other, isPlain);
}

/** y = e^x, elementwise; y may be x. */
export function exponential(count: i32, x: usize, y: usize): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    storeLanes(y + at, exp(loadLanes(x + at, count - i)), count - i);
  }
}

/** y = tanh(x), elementwise; y may be x. */
export function hyperbolicTangent(count: i32, x: usize, y: usize): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    storeLanes(y + at, tanh(loadLanes(x + at, count - i)), count - i);
  }
}

/** The gradient of a tanh in place, from its value y: dy becomes (1 - y²) dy. */
export function tanhGradient(count: i32, y: usize, dy: usize): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const left = count - i;
    const value = loadLanes(y + at, left);
    const slope = f32x4.sub(f32x4.splat(1), f32x4.mul(value, value));
    storeLanes(dy + at, f32x4.mul(slope, loadLanes(dy + at, left)), left);
  }
}
