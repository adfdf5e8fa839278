import { exp, tanh } from './activations';
import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';
import { lanes, squares, sum } from './reduce';

/** Activations by the numbers that JavaScript knows them by; any other is none. */
const SILU: i32 = 1;
const ELU: i32 = 2;
const TANH: i32 = 3;
const MISH: i32 = 4;

/** What is added to the mean square, or to the variance, before its root. */
const RMS_EPSILON: f32 = 1e-4, VARIANCE_EPSILON: f32 = 1e-5;

/** 1 / (1 + e^-x), with all digits where it is tiny. */
@inline
function logistic(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

/** tanh(softplus(x)) = w / (w + 2) with w = eˣ (eˣ + 2); where w would overflow it has long been 1. */
@inline
function tanhSoftplus(x: v128): v128 {
  const two = f32x4.splat(2);
  const power = exp(f32x4.pmin(x, f32x4.splat(20)));
  const w = f32x4.mul(power, f32x4.add(power, two));
  return f32x4.div(w, f32x4.add(w, two));
}

@inline
function valueOf(activation: i32, x: v128): v128 {
  if (activation == SILU) return f32x4.mul(x, logistic(x));
  if (activation == ELU) {
    const below = f32x4.sub(exp(x), f32x4.splat(1));
    return v128.bitselect(x, below, f32x4.gt(x, f32x4.splat(0)));
  }
  if (activation == TANH) return tanh(x);
  if (activation == MISH) return f32x4.mul(x, tanhSoftplus(x));
  return x;
}

/** The activation's derivative, from what goes in. */
@inline
function slopeOf(activation: i32, x: v128): v128 {
  const one = f32x4.splat(1);
  if (activation == SILU) {
    const s = logistic(x);
    return f32x4.mul(s, multiplyAdd(x, f32x4.sub(one, s), one));
  }
  if (activation == ELU) return exp(f32x4.pmin(x, f32x4.splat(0)));
  if (activation == TANH) {
    const t = tanh(x);
    return f32x4.sub(one, f32x4.mul(t, t));
  }
  if (activation == MISH) {
    // t + x (1 − t²) σ(x)
    const t = tanhSoftplus(x);
    return multiplyAdd(f32x4.mul(x, f32x4.sub(one, f32x4.mul(t, t))), logistic(x), t);
  }
  return one;
}

/**
 * y = act(sum) of rows, or with a scale y = act(sum factor ⊙ scale), factor = 1 / √(mean(sum²) + ε) of each row. With a
 * shift the sums first lose their mean, in place, and y = act(sum factor ⊙ scale + shift).
 *
 * @param sums [rows, count], as y, which may be the same
 * @param scale [count], or 0 for none
 * @param shift likewise; there is none without a scale
 * @param factors receives each row's factor, where there is a scale
 */
export function activateRows(
  rows: i32, count: i32, activation: i32, sums: usize, scale: usize, shift: usize, factors: usize, y: usize,
): void {
  if (!scale) {
    for (let i = 0, all = rows * count; i < all; i += 4) {
      const at = <usize>i << 2;
      storeLanes(y + at, valueOf(activation, loadLanes(sums + at, all - i)), all - i);
    }
    return;
  }
  const epsilon = shift ? VARIANCE_EPSILON : RMS_EPSILON;
  for (let row = 0; row < rows; row++) {
    if (shift) centre(count, sums);
    const own = <f32>1 / Mathf.sqrt(squares(count, sums) / <f32>count + epsilon);
    store<f32>(factors + (<usize>row << 2), own);
    const factor = f32x4.splat(own);
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      let scaled = f32x4.mul(f32x4.mul(loadLanes(sums + at, left), factor), loadLanes(scale + at, left));
      if (shift) scaled = f32x4.add(scaled, loadLanes(shift + at, left));
      storeLanes(y + at, valueOf(activation, scaled), left);
    }
    sums += <usize>count << 2;
    y += <usize>count << 2;
  }
}

/** Takes the mean of numbers side by side from each. */
@inline
function centre(count: i32, x: usize): void {
  const mean = f32x4.splat(sum(count, x) / <f32>count);
  for (let i = 0; i < count; i += 4) {
    const at = x + (<usize>i << 2);
    storeLanes(at, f32x4.sub(loadLanes(at, count - i), mean), count - i);
  }
}

/**
 * The gradient of rows by their sums from that by y. With a scale, n = sum factor and dn = dy act'(n ⊙ scale) ⊙ scale:
 *
 *   dSum = (dn - n mean(dn n)) factor
 *
 * and with a shift dn - mean(dn) instead of dn there.
 *
 * @param dScale [count], receives its gradient, where there is a scale
 * @param dShift likewise
 */
export function sumGradients(
  rows: i32, count: i32, activation: i32, dy: usize, sums: usize, scale: usize, shift: usize, factors: usize,
  dScale: usize, dShift: usize, dSums: usize,
): void {
  if (!scale) {
    for (let i = 0, all = rows * count; i < all; i += 4) {
      const at = <usize>i << 2;
      const slope = slopeOf(activation, loadLanes(sums + at, all - i));
      storeLanes(dSums + at, f32x4.mul(loadLanes(dy + at, all - i), slope), all - i);
    }
    return;
  }
  const width = <usize>count << 2;
  memory.fill(dScale, 0, width);
  if (shift) memory.fill(dShift, 0, width);
  for (let row = 0; row < rows; row++) {
    const own = load<f32>(factors + (<usize>row << 2));
    const factor = f32x4.splat(own);
    let products = f32x4.splat(0), means = products;
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      const normalised = f32x4.mul(loadLanes(sums + at, left), factor);
      const gain = loadLanes(scale + at, left);
      let scaled = f32x4.mul(normalised, gain);
      if (shift) scaled = f32x4.add(scaled, loadLanes(shift + at, left));
      const dScaled = f32x4.mul(loadLanes(dy + at, left), slopeOf(activation, scaled));
      const dNormalised = f32x4.mul(dScaled, gain);
      if (shift) {
        means = f32x4.add(means, dNormalised);
        storeLanes(dShift + at, f32x4.add(dScaled, loadLanes(dShift + at, left)), left);
      }
      products = multiplyAdd(dNormalised, normalised, products);
      storeLanes(dScale + at, multiplyAdd(dScaled, normalised, loadLanes(dScale + at, left)), left);
      storeLanes(dSums + at, dNormalised, left);
    }
    const along = f32x4.splat(own * (lanes(products) / <f32>count));
    const mean = f32x4.splat(lanes(means) / <f32>count);
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      let across = f32x4.sub(loadLanes(dSums + at, left), f32x4.mul(loadLanes(sums + at, left), along));
      if (shift) across = f32x4.sub(across, mean);
      storeLanes(dSums + at, f32x4.mul(across, factor), left);
    }
    dy += width;
    sums += width;
    dSums += width;
  }
}
