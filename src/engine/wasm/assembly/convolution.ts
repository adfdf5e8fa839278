/*
 * What convolutions are made of beside products. A kernel goes over images [images, rows, columns, channels] and makes
 * patches [images, down, across, size × size × channels].
 */

/** y ← x of so many floats. */
@inline
function copy(count: i32, x: usize, y: usize): void {
  let i: usize = 0;
  const bytes = <usize>count << 2;
  for (; i + 16 <= bytes; i += 16) v128.store(y + i, v128.load(x + i));
  for (; i < bytes; i += 4) store<f32>(y + i, load<f32>(x + i));
}

/** y ← y + x */
@inline
function add(count: i32, x: usize, y: usize): void {
  let i: usize = 0;
  const bytes = <usize>count << 2;
  for (; i + 16 <= bytes; i += 16) v128.store(y + i, f32x4.add(v128.load(y + i), v128.load(x + i)));
  for (; i < bytes; i += 4) store<f32>(y + i, load<f32>(y + i) + load<f32>(x + i));
}

/** y ← 0 */
@inline
function clear(count: i32, y: usize): void {
  memory.fill(y, 0, <usize>count << 2);
}

/** Each row of each patch is copied from the images, zeros where it reaches out of them. */
export function takePatches(
  images: i32, rows: i32, columns: i32, channels: i32, size: i32, stride: i32, padding: i32, down: i32, across: i32,
  x: usize, y: usize,
): void {
  const width = size * channels;
  for (let image = 0; image < images; image++) {
    for (let i = 0; i < down; i++) {
      for (let j = 0; j < across; j++) {
        const column = j * stride - padding;
        const before = max(-column, 0) * channels;
        const after = max(column + size - columns, 0) * channels;
        for (let k = 0; k < size; k++) {
          const row = i * stride + k - padding;
          if (row < 0 || row >= rows) {
            clear(width, y);
          } else {
            const from = ((image * rows + row) * columns + max(column, 0)) * channels;
            if (before > 0) clear(before, y);
            copy(width - before - after, x + (<usize>from << 2), y + (<usize>before << 2));
            if (after > 0) clear(after, y + (<usize>(width - after) << 2));
          }
          y += <usize>width << 2;
        }
      }
    }
  }
}

/** Each row of each patch x is added to the images y, what reaches out of them left out. */
export function layPatches(
  images: i32, rows: i32, columns: i32, channels: i32, size: i32, stride: i32, padding: i32, down: i32, across: i32,
  x: usize, y: usize,
): void {
  const width = size * channels;
  clear(images * rows * columns * channels, y);
  for (let image = 0; image < images; image++) {
    for (let i = 0; i < down; i++) {
      for (let j = 0; j < across; j++) {
        const column = j * stride - padding;
        const before = max(-column, 0) * channels;
        const after = max(column + size - columns, 0) * channels;
        for (let k = 0; k < size; k++) {
          const row = i * stride + k - padding;
          if (row >= 0 && row < rows) {
            const to = ((image * rows + row) * columns + max(column, 0)) * channels;
            add(width - before - after, x + (<usize>before << 2), y + (<usize>to << 2));
          }
          x += <usize>width << 2;
        }
      }
    }
  }
}
