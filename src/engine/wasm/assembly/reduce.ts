import { loadLanes } from './lanes';
import { multiplyAdd } from './multiply-add';

/** Sums over the middle axis: [groups, rows, columns] -> [groups, columns]. */
export function sumRows(groups: i32, rows: i32, columns: i32, x: usize, sums: usize): void {
  const row = <usize>columns << 2;
  for (let group = 0; group < groups; group++) {
    if (columns == 1) {
      store<f32>(sums, sum(rows, x));
    } else {
      let column: i32 = 0;
      for (; column + 16 <= columns; column += 16) sumSixteen(rows, x + (<usize>column << 2), row, sums + (<usize>column << 2));
      for (; column + 4 <= columns; column += 4) sumFour(rows, x + (<usize>column << 2), row, sums + (<usize>column << 2));
      for (; column < columns; column++) sumOne(rows, x + (<usize>column << 2), row, sums + (<usize>column << 2));
    }
    x += <usize>rows * row;
    sums += row;
  }
}

/** Sum of `count` floats side by side, in sixteen partial sums. */
export function sum(count: i32, x: usize): f32 {
  let a = f32x4.splat(0), b = a, c = a, d = a;
  let i: i32 = 0;
  for (; i + 16 <= count; i += 16) {
    a = f32x4.add(a, v128.load(x));
    b = f32x4.add(b, v128.load(x, 16));
    c = f32x4.add(c, v128.load(x, 32));
    d = f32x4.add(d, v128.load(x, 48));
    x += 64;
  }
  let total = lanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  for (; i < count; i++) {
    total += load<f32>(x);
    x += 4;
  }
  return total;
}

/** Σx² of `count` floats side by side, in eight partial sums. */
@inline
export function squares(count: i32, x: usize): f32 {
  let a = f32x4.splat(0), b = a;
  for (let i = 0; i < count; i += 8) {
    const left = count - i;
    const at = x + (<usize>i << 2);
    const first = loadLanes(at, left);
    a = multiplyAdd(first, first, a);
    if (left <= 4) break;
    const second = loadLanes(at + 16, left - 4);
    b = multiplyAdd(second, second, b);
  }
  return lanes(f32x4.add(a, b));
}

/** Sum of the four lanes. */
@inline
export function lanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

function sumSixteen(rows: i32, x: usize, row: usize, sums: usize): void {
  let a = f32x4.splat(0), b = a, c = a, d = a;
  for (let i = 0; i < rows; i++) {
    a = f32x4.add(a, v128.load(x));
    b = f32x4.add(b, v128.load(x, 16));
    c = f32x4.add(c, v128.load(x, 32));
    d = f32x4.add(d, v128.load(x, 48));
    x += row;
  }
  v128.store(sums, a);
  v128.store(sums, b, 16);
  v128.store(sums, c, 32);
  v128.store(sums, d, 48);
}

function sumFour(rows: i32, x: usize, row: usize, sums: usize): void {
  let total = f32x4.splat(0);
  for (let i = 0; i < rows; i++) {
    total = f32x4.add(total, v128.load(x));
    x += row;
  }
  v128.store(sums, total);
}

function sumOne(rows: i32, x: usize, row: usize, sums: usize): void {
  let total: f32 = 0;
  for (let i = 0; i < rows; i++) {
    total += load<f32>(x);
    x += row;
  }
  store<f32>(sums, total);
}
