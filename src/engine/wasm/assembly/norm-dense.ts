import { exp } from './activations';
import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';
import { lanes, squares } from './reduce';

/** Activations by the numbers that JavaScript knows them by; any other is none. */
const SILU: i32 = 1;
const ELU: i32 = 2;

/** What is added to the mean square before its root. */
const RMS_EPSILON: f32 = 1e-4;

/** 1 / (1 + e^-x), with all digits where it is tiny. */
@inline
function logistic(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

@inline
function valueOf(activation: i32, x: v128): v128 {
  if (activation == SILU) return f32x4.mul(x, logistic(x));
  if (activation == ELU) {
    const below = f32x4.sub(exp(x), f32x4.splat(1));
    return v128.bitselect(x, below, f32x4.gt(x, f32x4.splat(0)));
  }
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
  return one;
}

/**
 * y = act(sum) of rows, or with a scale y = act(sum factor ⊙ scale), factor = 1 / √(mean(sum²) + ε) of each row.
 *
 * @param sums [rows, count], as y, which may be the same
 * @param scale [count], or 0 for none
 * @param factors receives each row's factor, where there is a scale
 */
export function activateRows(
  rows: i32, count: i32, activation: i32, sums: usize, scale: usize, factors: usize, y: usize,
): void {
  if (!scale) {
    for (let i = 0, all = rows * count; i < all; i += 4) {
      const at = <usize>i << 2;
      storeLanes(y + at, valueOf(activation, loadLanes(sums + at, all - i)), all - i);
    }
    return;
  }
  for (let row = 0; row < rows; row++) {
    const own = <f32>1 / Mathf.sqrt(squares(count, sums) / <f32>count + RMS_EPSILON);
    store<f32>(factors + (<usize>row << 2), own);
    const factor = f32x4.splat(own);
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      const scaled = f32x4.mul(f32x4.mul(loadLanes(sums + at, left), factor), loadLanes(scale + at, left));
      storeLanes(y + at, valueOf(activation, scaled), left);
    }
    sums += <usize>count << 2;
    y += <usize>count << 2;
  }
}

/**
 * The gradient of rows by their sums from that by y. With a scale, n = sum factor and dn = dy act'(n ⊙ scale) ⊙ scale:
 *
 *   dSum = (dn - n mean(dn n)) factor
 *
 * @param dScale [count], receives its gradient, where there is a scale
 */
export function sumGradients(
  rows: i32, count: i32, activation: i32, dy: usize, sums: usize, scale: usize, factors: usize, dScale: usize, dSums: usize,
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
  for (let row = 0; row < rows; row++) {
    const own = load<f32>(factors + (<usize>row << 2));
    const factor = f32x4.splat(own);
    let products = f32x4.splat(0);
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      const normalised = f32x4.mul(loadLanes(sums + at, left), factor);
      const gain = loadLanes(scale + at, left);
      const dScaled = f32x4.mul(loadLanes(dy + at, left), slopeOf(activation, f32x4.mul(normalised, gain)));
      const dNormalised = f32x4.mul(dScaled, gain);
      products = multiplyAdd(dNormalised, normalised, products);
      storeLanes(dScale + at, multiplyAdd(dScaled, normalised, loadLanes(dScale + at, left)), left);
      storeLanes(dSums + at, dNormalised, left);
    }
    const along = f32x4.splat(own * (lanes(products) / <f32>count));
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      const across = f32x4.sub(loadLanes(dSums + at, left), f32x4.mul(loadLanes(sums + at, left), along));
      storeLanes(dSums + at, f32x4.mul(across, factor), left);
    }
    dy += width;
    sums += width;
    dSums += width;
  }
}
