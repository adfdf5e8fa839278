import { exp, log } from './activations';
import { loadLanes, storeLanes } from './lanes';
import { multiplyAdd } from './multiply-add';
import { lanes, sum } from './reduce';

/** Categorical distributions over rows of classes, and two-hot encoded numbers. */

/** The largest of a row, NaN if one is. */
@inline
function largestOf(count: i32, x: usize): f32 {
  let most = load<f32>(x);
  for (let i: usize = 1; i < <usize>count; i++) {
    const other = load<f32>(x + (i << 2));
    most = max(most, other);
  }
  return most;
}

/** Stores e^(x - largest) of a row. */
@inline
function powersOf(count: i32, x: usize, largest: f32, powers: usize): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const left = count - i;
    storeLanes(powers + at, exp(f32x4.sub(loadLanes(x + at, left), f32x4.splat(largest))), left);
  }
}

/** Stores softmax(x) of a row, of which the largest is known. @returns Σ e^(x - largest) */
@inline
function softmaxOf(count: i32, x: usize, largest: f32, probabilities: usize): f32 {
  powersOf(count, x, largest, probabilities);
  const total = sum(count, probabilities);
  const share = f32x4.splat(<f32>1 / total);
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const left = count - i;
    storeLanes(probabilities + at, f32x4.mul(loadLanes(probabilities + at, left), share), left);
  }
  return total;
}

/** log of one number. */
@inline
function logOf(x: f32): f32 {
  return f32x4.extract_lane(log(f32x4.splat(x)), 0);
}

/** log q, q = (1 - mix) p + mix / classes, and p = softmax(logits): all [rows, classes]. */
export function mixedLogProbabilities(
  rows: i32, classes: i32, mix: f64, logits: usize, logs: usize, probabilities: usize,
): void {
  const kept = f32x4.splat(<f32>(1 - mix)), added = f32x4.splat(<f32>(mix / <f64>classes));
  const width = <usize>classes << 2;
  for (let row = 0; row < rows; row++) {
    const largest = largestOf(classes, logits);
    const total = softmaxOf(classes, logits, largest, probabilities);
    // The plain logarithm keeps its digits where a probability is too small for float32.
    const whole = f32x4.splat(mix == 0 ? largest + logOf(total) : 0);
    for (let i = 0; i < classes; i += 4) {
      const at = <usize>i << 2;
      const left = classes - i;
      const x = mix == 0
        ? f32x4.sub(loadLanes(logits + at, left), whole)
        : log(multiplyAdd(loadLanes(probabilities + at, left), kept, added));
      storeLanes(logs + at, x, left);
    }
    logits += width;
    logs += width;
    probabilities += width;
  }
}

/** Its gradient: with w = dy (1 - mix) p / q, which is dy where mix is 0, w - p Σ w. */
export function mixedLogProbabilitiesGradient(
  rows: i32, classes: i32, mix: f64, dy: usize, probabilities: usize, dLogits: usize,
): void {
  const kept = f32x4.splat(<f32>(1 - mix)), added = f32x4.splat(<f32>(mix / <f64>classes));
  const width = <usize>classes << 2;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < classes; i += 4) {
      const at = <usize>i << 2;
      const left = classes - i;
      let weighted = loadLanes(dy + at, left);
      if (mix != 0) {
        const p = f32x4.mul(loadLanes(probabilities + at, left), kept);
        weighted = f32x4.mul(weighted, f32x4.div(p, f32x4.add(p, added)));
      }
      storeLanes(dLogits + at, weighted, left);
    }
    const total = f32x4.splat(sum(classes, dLogits));
    for (let i = 0; i < classes; i += 4) {
      const at = <usize>i << 2;
      const left = classes - i;
      const along = f32x4.mul(loadLanes(probabilities + at, left), total);
      storeLanes(dLogits + at, f32x4.sub(loadLanes(dLogits + at, left), along), left);
    }
    dy += width;
    probabilities += width;
    dLogits += width;
  }
}

/**
 * One-hot choices [rows, classes]: the first class whose cumulated probability exceeds u, or where `uniform` is 0 the first
 * of the likeliest.
 */
export function sampleCategorical(rows: i32, classes: i32, logs: usize, uniform: usize, choices: usize): void {
  const width = <usize>classes << 2;
  for (let row = 0; row < rows; row++) {
    let chosen: usize = 0;
    if (uniform) {
      powersOf(classes, logs, 0, choices);
      const u = load<f32>(uniform + (<usize>row << 2));
      let upTo: f32 = 0;
      for (; chosen + 1 < <usize>classes; chosen++) {
        upTo += load<f32>(choices + (chosen << 2));
        // Also where it is NaN.
        if (!(upTo <= u)) break;
      }
    } else {
      for (let i: usize = 1; i < <usize>classes; i++) {
        if (load<f32>(logs + (i << 2)) > load<f32>(logs + (chosen << 2))) chosen = i;
      }
    }
    memory.fill(choices, 0, width);
    store<f32>(choices + (chosen << 2), 1);
    logs += width;
    choices += width;
  }
}

/** KL(p ‖ q) = Σ p (log p - log q) of each of `rows` rows of `count`: [rows]. */
export function categoricalKl(rows: i32, count: i32, logP: usize, logQ: usize, sums: usize): void {
  for (let row = 0; row < rows; row++) {
    let total = f32x4.splat(0);
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      const x = loadLanes(logP + at, left);
      // Lanes beyond the end are 0 in both.
      total = multiplyAdd(exp(x), f32x4.sub(x, loadLanes(logQ + at, left)), total);
    }
    store<f32>(sums + (<usize>row << 2), lanes(total));
    logP += <usize>count << 2;
    logQ += <usize>count << 2;
  }
}

/** Its gradients: dy p (log p - log q + 1) and -dy p. */
export function categoricalKlGradient(
  rows: i32, count: i32, dy: usize, logP: usize, logQ: usize, dP: usize, dQ: usize,
): void {
  const width = <usize>count << 2;
  for (let row = 0; row < rows; row++) {
    const d = v128.load32_splat(dy + (<usize>row << 2));
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const left = count - i;
      const x = loadLanes(logP + at, left);
      const weighted = f32x4.mul(d, exp(x));
      const excess = f32x4.add(f32x4.sub(x, loadLanes(logQ + at, left)), f32x4.splat(1));
      storeLanes(dP + at, f32x4.mul(weighted, excess), left);
      storeLanes(dQ + at, f32x4.neg(weighted), left);
    }
    logP += width;
    logQ += width;
    dP += width;
    dQ += width;
  }
}

/**
 * The cross entropy -Σ e log softmax(logits) with the two-hot encoding e of numbers, whose two neighbouring bins share
 * the weight 1; what is beyond the ends counts as the end.
 *
 * @param logits [rows, count], as `deviation`, which receives softmax(logits) - e
 * @param bins [count], ascending
 */
export function twoHotLoss(
  rows: i32, count: i32, logits: usize, numbers: usize, bins: usize, losses: usize, deviation: usize,
): void {
  const last = (<usize>count - 1) << 2;
  for (let row: usize = 0; row < <usize>rows; row++) {
    const largest = largestOf(count, logits);
    const whole = largest + logOf(softmaxOf(count, logits, largest, deviation));
    const x = min(max(load<f32>(numbers + (row << 2)), load<f32>(bins)), load<f32>(bins + last));
    // The bin below, by halves; that of NaN is the first, and its weights are NaN.
    let low: usize = 0, high = <usize>count - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (x >= load<f32>(bins + (middle << 2))) low = middle;
      else high = middle;
    }
    low <<= 2;
    high <<= 2;
    const gap = load<f32>(bins + high) - load<f32>(bins + low);
    const below = (load<f32>(bins + high) - x) / gap, above = (x - load<f32>(bins + low)) / gap;
    const loss = below * (load<f32>(logits + low) - whole) + above * (load<f32>(logits + high) - whole);
    store<f32>(losses + (row << 2), -loss);
    store<f32>(deviation + low, load<f32>(deviation + low) - below);
    store<f32>(deviation + high, load<f32>(deviation + high) - above);
    logits += <usize>count << 2;
    deviation += <usize>count << 2;
  }
}

/**
 * The mean Σ p b, p = softmax(logits), of bins that are each other's mirror image around the middle one, 0: paired, so
 * that it is 0 where probabilities are.
 *
 * @param logits [rows, count], count odd, as `probabilities`
 */
export function twoHotMean(
  rows: i32, count: i32, logits: usize, bins: usize, means: usize, probabilities: usize,
): void {
  const middle = <usize>count >> 1;
  for (let row: usize = 0; row < <usize>rows; row++) {
    softmaxOf(count, logits, largestOf(count, logits), probabilities);
    let mean: f32 = 0;
    for (let i: usize = 1; i <= middle; i++) {
      const excess = load<f32>(probabilities + ((middle + i) << 2)) - load<f32>(probabilities + ((middle - i) << 2));
      mean += excess * load<f32>(bins + ((middle + i) << 2));
    }
    store<f32>(means + (row << 2), mean);
    logits += <usize>count << 2;
    probabilities += <usize>count << 2;
  }
}
