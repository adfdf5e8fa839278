import { sigmoid, tanh } from './activations';
import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';

/*
 * The gated recurrent unit (Cho et al. 2014) whose reset gate acts on the candidate, gates in the order reset, candidate,
 * update:
 *
 *   h' = h + u (tanh(σ(r) c) - h),   u = σ(update - 1)
 */

/** @param gates [rows, 3 units]; hidden, next: [rows, units] */
export function gruForward(rows: i32, units: i32, gates: usize, hidden: usize, next: usize): void {
  const gate = <usize>units << 2;
  for (let row = 0; row < rows; row++) {
    for (let unit = 0; unit < units; unit += 4) {
      const at = <usize>unit << 2;
      const left = units - unit;
      const reset = sigmoid(loadLanes(gates + at, left));
      const squashed = tanh(f32x4.mul(reset, loadLanes(gates + gate + at, left)));
      const update = sigmoid(f32x4.sub(loadLanes(gates + 2 * gate + at, left), f32x4.splat(1)));
      const h = loadLanes(hidden + at, left);
      storeLanes(next + at, multiplyAdd(update, f32x4.sub(squashed, h), h), left);
    }
    gates += 3 * gate;
    hidden += gate;
    next += gate;
  }
}

/** Its gradient, the gates' activations computed anew. With d tanh(x) = 1 - tanh²(x) and d σ(x) = σ(x) (1 - σ(x)). */
export function gruBackward(
  rows: i32, units: i32, dNext: usize, gates: usize, hidden: usize, dGates: usize, dHidden: usize,
): void {
  const gate = <usize>units << 2;
  const one = f32x4.splat(1);
  for (let row = 0; row < rows; row++) {
    for (let unit = 0; unit < units; unit += 4) {
      const at = <usize>unit << 2;
      const left = units - unit;
      const reset = sigmoid(loadLanes(gates + at, left));
      const candidate = loadLanes(gates + gate + at, left);
      const squashed = tanh(f32x4.mul(reset, candidate));
      const update = sigmoid(f32x4.sub(loadLanes(gates + 2 * gate + at, left), one));
      const d = loadLanes(dNext + at, left);
      const dProduct = f32x4.mul(f32x4.mul(d, update), f32x4.sub(one, f32x4.mul(squashed, squashed)));
      const dReset = f32x4.mul(f32x4.mul(dProduct, candidate), f32x4.mul(reset, f32x4.sub(one, reset)));
      const change = f32x4.sub(squashed, loadLanes(hidden + at, left));
      const dUpdate = f32x4.mul(f32x4.mul(d, change), f32x4.mul(update, f32x4.sub(one, update)));
      storeLanes(dGates + at, dReset, left);
      storeLanes(dGates + gate + at, f32x4.mul(dProduct, reset), left);
      storeLanes(dGates + 2 * gate + at, dUpdate, left);
      storeLanes(dHidden + at, f32x4.mul(d, f32x4.sub(one, update)), left);
    }
    dNext += gate;
    gates += 3 * gate;
    hidden += gate;
    dGates += 3 * gate;
    dHidden += gate;
  }
}
