/** The next four floats, or as many as are left; zeros for the rest. */
@inline
export function loadLanes(at: usize, left: i32): v128 {
  if (left >= 4) return v128.load(at);
  let x = v128.load32_zero(at);
  if (left > 1) x = v128.load_lane<f32>(at + 4, x, 1);
  if (left > 2) x = v128.load_lane<f32>(at + 8, x, 2);
  return x;
}

/** Stores four floats, or as many as are left. */
@inline
export function storeLanes(at: usize, x: v128, left: i32): void {
  if (left >= 4) {
    v128.store(at, x);
    return;
  }
  v128.store_lane<f32>(at, x, 0);
  if (left > 1) v128.store_lane<f32>(at + 4, x, 1);
  if (left > 2) v128.store_lane<f32>(at + 8, x, 2);
}
