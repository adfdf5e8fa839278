import { norm } from './adam';
import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';

/** g min(1, clip max(least, |p|) / |g|) of one parameter's `count` floats. */
export function adaptiveClip(
  count: i32, parameters: usize, gradient: usize, clipped: usize, clip: f32, least: f32,
): void {
  const excess = norm(count, gradient) / (max(least, norm(count, parameters)) * clip);
  // NaN stays.
  const divisor = f32x4.splat(excess < 1 ? 1 : excess);
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    storeLanes(clipped + at, f32x4.div(loadLanes(gradient + at, count - i), divisor), count - i);
  }
}

/**
 * One step of LaProp (Ziyin et al. 2020) on `count` parameters; with g' = unit g
 *
 *   v' = β₂ v + (1 - β₂) g'²     m' = β₁ m + (1 - β₁) g' / (√(v' correction) + ε)     θ' = θ - rate m'
 *
 * @param epsilon ε, in that unit
 * @param rate α / (1 - β₁ᵗ)
 * @param correction 1 / (1 - β₂ᵗ)
 */
export function laprop(
  count: i32, parameters: usize, gradient: usize, mean: usize, square: usize, nextParameters: usize, nextMean: usize,
  nextSquare: usize, beta1: f64, beta2: f64, unit: f32, epsilon: f32, rate: f32, correction: f32,
): void {
  for (let i = 0; i < count; i += 4) {
    const left = count - i;
    const at = <usize>i << 2;
    const g = f32x4.mul(f32x4.splat(unit), loadLanes(gradient + at, left));
    const squared = f32x4.mul(f32x4.splat(<f32>(1 - beta2)), f32x4.mul(g, g));
    const v = multiplyAdd(f32x4.splat(<f32>beta2), loadLanes(square + at, left), squared);
    const divisor = f32x4.add(f32x4.sqrt(f32x4.mul(v, f32x4.splat(correction))), f32x4.splat(epsilon));
    const added = f32x4.mul(f32x4.splat(<f32>(1 - beta1)), f32x4.div(g, divisor));
    const m = multiplyAdd(f32x4.splat(<f32>beta1), loadLanes(mean + at, left), added);
    const step = f32x4.mul(f32x4.splat(rate), m);
    storeLanes(nextParameters + at, f32x4.sub(loadLanes(parameters + at, left), step), left);
    storeLanes(nextMean + at, m, left);
    storeLanes(nextSquare + at, v, left);
  }
}
