import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';
import { squares } from './reduce';

/** √Σx² of `count` floats side by side. */
export function norm(count: i32, x: usize): f32 {
  return <f32>Math.sqrt(squares(count, x));
}

/**
 * One step of Adam (Kingma & Ba 2015) on `count` parameters:
 *
 *   g ← scale g     m' = β₁ m + (1 − β₁) g     v' = β₂ v + (1 − β₂) g²     θ' = θ − rate m' / (√(v' correction) + ε)
 *
 * @param scale what clipping leaves of the gradient
 * @param rate α / (1 − β₁ᵗ)
 * @param correction 1 / (1 − β₂ᵗ)
 */
export function adam(
  count: i32, parameters: usize, gradient: usize, mean: usize, square: usize, nextParameters: usize,
  nextMean: usize, nextSquare: usize, scale: f32, beta1: f64, beta2: f64, epsilon: f32, rate: f32, correction: f32,
): void {
  for (let i = 0; i < count; i += 4) {
    const left = count - i;
    const at = <usize>i << 2;
    const g = f32x4.mul(f32x4.splat(scale), loadLanes(gradient + at, left));
    const m = multiplyAdd(f32x4.splat(<f32>beta1), loadLanes(mean + at, left), f32x4.mul(f32x4.splat(<f32>(1 - beta1)), g));
    const squared = f32x4.mul(f32x4.splat(<f32>(1 - beta2)), f32x4.mul(g, g));
    const v = multiplyAdd(f32x4.splat(<f32>beta2), loadLanes(square + at, left), squared);
    const divisor = f32x4.add(f32x4.sqrt(f32x4.mul(v, f32x4.splat(correction))), f32x4.splat(epsilon));
    const step = f32x4.div(f32x4.mul(f32x4.splat(rate), m), divisor);
    storeLanes(nextParameters + at, f32x4.sub(loadLanes(parameters + at, left), step), left);
    storeLanes(nextMean + at, m, left);
    storeLanes(nextSquare + at, v, left);
  }
}
