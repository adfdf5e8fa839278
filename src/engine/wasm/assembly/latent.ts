import { loadLanes, storeLanes } from './lanes';

/** What a model's latents and numbers are brought to, with each operation of its portable form in its order: the same bits. */

/**
 * (x − mean x) / √(mean (x − mean x)² + ε) of rows.
 *
 * @param factors receives what each row's deviations were multiplied by
 */
export function standardise(rows: i32, columns: i32, epsilon: f32, x: usize, y: usize, factors: usize): void {
  const one: f32 = 1, count = <f32>columns;
  const bytes = <usize>columns << 2;
  for (let row = 0; row < rows; row++) {
    let sum: f32 = 0;
    for (let at: usize = 0; at < bytes; at += 4) sum += load<f32>(x + at);
    const mean = sum / count;
    sum = 0;
    for (let at: usize = 0; at < bytes; at += 4) {
      const deviation = load<f32>(x + at) - mean;
      store<f32>(y + at, deviation);
      sum += deviation * deviation;
    }
    const factor = one / sqrt(sum / count + epsilon);
    for (let at: usize = 0; at < bytes; at += 4) store<f32>(y + at, load<f32>(y + at) * factor);
    store<f32>(factors + (<usize>row << 2), factor);
    x += bytes;
    y += bytes;
  }
}

/** h⁻¹ of `count` floats, as src/nn/value-transform.ts has it. */
export function inverseTransform(count: i32, epsilon: f64, x: usize, y: usize): void {
  const one = f32x4.splat(1), minus = f32x4.splat(-1), two = f32x4.splat(2);
  const shift = f32x4.splat(<f32>(1 + epsilon)), slope = f32x4.splat(<f32>(4 * epsilon));
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const left = count - i;
    const given = loadLanes(x + at, left);
    const t = f32x4.add(f32x4.abs(given), shift);
    const root = f32x4.sqrt(f32x4.add(f32x4.mul(t, slope), one));
    const u = f32x4.div(f32x4.mul(t, two), f32x4.add(root, one));
    const sign = v128.bitselect(one, minus, f32x4.gt(given, f32x4.splat(0)));
    storeLanes(y + at, f32x4.mul(sign, f32x4.sub(f32x4.mul(u, u), one)), left);
  }
}
