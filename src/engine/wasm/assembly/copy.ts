/**
 * Copies rows of `bytes` bytes between two strides, in bytes: what slicing, splitting, concatenating and stacking
 * along an axis come down to.
 */
export function copyRows(
  rows: i32, bytes: usize, source: usize, sourceRow: usize, target: usize, targetRow: usize,
): void {
  const whole = bytes & ~15;
  for (let row = 0; row < rows; row++) {
    let at: usize = 0;
    for (; at < whole; at += 16) v128.store(target + at, v128.load(source + at));
    for (; at < bytes; at++) store<u8>(target + at, load<u8>(source + at));
    source += sourceRow;
    target += targetRow;
  }
}

/** Copies the rows with the given int32 indices. */
export function gatherRows(count: i32, bytes: usize, source: usize, indices: usize, target: usize): void {
  for (let i = 0; i < count; i++) {
    copyRows(1, bytes, source + <usize>load<i32>(indices + (<usize>i << 2)) * bytes, 0, target, 0);
    target += bytes;
  }
}
