import { loadLanes, storeLanes } from './lanes';

/** The gradient of a ReLU in place: dy stays where y is positive and becomes 0 elsewhere. */
export function reluGradient(count: i32, y: usize, dy: usize): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const left = count - i;
    const positive = f32x4.gt(loadLanes(y + at, left), f32x4.splat(0));
    storeLanes(dy + at, v128.and(positive, loadLanes(dy + at, left)), left);
  }
}
