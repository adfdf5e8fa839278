import { multiplyAdd } from './multiply-add';

/**
 * tanh of four lanes: an odd rational function of degree 13 over 6 on [-7.9, 7.9], beyond which tanh is 1 in float32
 * (the minimax coefficients of Eigen's `ptanh`). Within 4e-7 of tanh everywhere.
 */
@inline
export function tanh(input: v128): v128 {
  const bound: f32 = 7.90531110763549805;
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
