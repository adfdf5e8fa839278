import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';
import { lanes } from './reduce';

/**
 * Σ w (x − y)² of `count` floats, in four partial sums.
 *
 * @param weight w, or 0 for ones
 * @param factor multiplies every weight
 * @param weighted receives factor w (x − y)
 */
export function squaredError(count: i32, x: usize, y: usize, weight: usize, factor: f32, weighted: usize): f32 {
  let total = f32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const left = count - i;
    const error = f32x4.sub(loadLanes(x + at, left), loadLanes(y + at, left));
    let scaled = f32x4.mul(f32x4.splat(factor), error);
    if (weight) scaled = f32x4.mul(scaled, loadLanes(weight + at, left));
    total = multiplyAdd(scaled, error, total);
    storeLanes(weighted + at, scaled, left);
  }
  return lanes(total);
}

/** y = factor x, elementwise. */
export function scale(count: i32, x: usize, factor: f32, y: usize): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    storeLanes(y + at, f32x4.mul(f32x4.splat(factor), loadLanes(x + at, count - i)), count - i);
  }
}
