import { multiplyAdd } from './multiply-add';

/**
 * Matrix product C = max(floor, start + A B) for float32 matrices with any strides, after Goto & van de Geijn 2008.
 *
 * B is packed once into panels 8 columns wide, so that the inner loop reads it in order whatever its strides are; a
 * caller that multiplies by the same B many times packs it once. The inner loop keeps a tile of 4 x 8 sums in
 * registers. Depth is cut into blocks so that a panel and the rows of A beside it stay in the first-level cache,
 * columns into blocks so that the panels in use stay in the second-level one.
 *
 * Pointers and strides are in bytes; `rows`, `columns` and `depth` count elements.
 */

const TILE_ROWS: i32 = 4;
const TILE_COLUMNS: i32 = 8;
const DEPTH_BLOCK: i32 = 256;
const COLUMN_BLOCK: i32 = 128;
/** Bytes of one depth step in a packed panel of B. */
const PANEL_STEP: usize = 32;

/** Bytes of workspace that `multiply` needs: a tile for the edges of C. */
export function workspaceBytes(): usize {
  return <usize>TILE_ROWS * PANEL_STEP;
}

/** Bytes that `pack` writes. */
export function packedBytes(depth: i32, columns: i32): usize {
  return panels(columns) * <usize>depth * PANEL_STEP;
}

@inline
function panels(columns: i32): usize {
  return (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
}

/** Packs B [depth, columns]: for each depth block, panel after panel, each [depth of the block, 8], zeros beyond the edge. */
export function pack(depth: i32, columns: i32, b: usize, bRow: usize, bColumn: usize, packed: usize): void {
  for (let k = 0; k < depth; k += DEPTH_BLOCK) {
    const blockDepth = min(DEPTH_BLOCK, depth - k);
    for (let column = 0; column < columns; column += TILE_COLUMNS) {
      const source = b + <usize>k * bRow + <usize>column * bColumn;
      const left = columns - column;
      if (left >= TILE_COLUMNS && bColumn == 4) {
        packEight(blockDepth, source, bRow, packed);
      } else {
        packFour(blockDepth, left, source, bRow, bColumn, packed);
        packFour(blockDepth, left - 4, source + 4 * bColumn, bRow, bColumn, packed + 16);
      }
      packed += <usize>blockDepth * PANEL_STEP;
    }
  }
}

/** Writes a panel from eight columns that stand side by side. */
function packEight(depth: i32, b: usize, bRow: usize, panel: usize): void {
  for (let k = 0; k < depth; k++) {
    v128.store(panel, v128.load(b));
    v128.store(panel, v128.load(b, 16), 16);
    b += bRow;
    panel += PANEL_STEP;
  }
}

/** Writes four columns of a panel; those from `left` on are zero. */
function packFour(depth: i32, left: i32, b: usize, bRow: usize, bColumn: usize, panel: usize): void {
  let k = 0;
  if (left >= 4 && bColumn == 4) {
    for (; k < depth; k++) {
      v128.store(panel, v128.load(b));
      b += bRow;
      panel += PANEL_STEP;
    }
    return;
  }
  if (left >= 4 && bRow == 4) {
    for (; k + 4 <= depth; k += 4) {
      transposeFour(b, bColumn, panel);
      b += 16;
      panel += 4 * PANEL_STEP;
    }
  }
  for (; k < depth; k++) {
    for (let column = 0; column < 4; column++) {
      const value: f32 = column < left ? load<f32>(b + <usize>column * bColumn) : 0;
      store<f32>(panel + (<usize>column << 2), value);
    }
    b += bRow;
    panel += PANEL_STEP;
  }
}

/** Four rows of four elements become four columns of a panel. */
@inline
function transposeFour(source: usize, sourceRow: usize, panel: usize): void {
  const a = v128.load(source);
  const b = v128.load(source + sourceRow);
  const c = v128.load(source + 2 * sourceRow);
  const d = v128.load(source + 3 * sourceRow);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const abEnd = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdEnd = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(panel, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(panel + PANEL_STEP, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
  v128.store(panel + 2 * PANEL_STEP, v128.shuffle<f32>(abEnd, cdEnd, 0, 1, 4, 5));
  v128.store(panel + 3 * PANEL_STEP, v128.shuffle<f32>(abEnd, cdEnd, 2, 3, 6, 7));
}

/**
 * C = max(floor, start + A B).
 *
 * @param packed B [depth, columns] as `pack` left it
 * @param start [rows, columns] with row stride `startRow` (0: one row for all, a bias), or 0 for zeros. It may be C.
 * @param c [rows, columns] with row stride `cRow`, columns side by side
 * @param floor 0 for a ReLU, minus infinity for none
 * @param workspace `workspaceBytes()` bytes
 */
export function multiply(
  rows: i32, columns: i32, depth: i32,
  a: usize, aRow: usize, aColumn: usize,
  packed: usize, start: usize, startRow: usize, c: usize, cRow: usize, floor: f32, workspace: usize,
): void {
  let k = 0;
  do {
    const blockDepth = min(DEPTH_BLOCK, depth - k);
    const panelBytes = <usize>blockDepth * PANEL_STEP;
    // Only the first block adds `start`, only the last applies the floor.
    const from = k == 0 ? start : c;
    const fromRow = k == 0 ? startRow : cRow;
    const least = f32x4.splat(k + DEPTH_BLOCK < depth ? -Infinity : floor);
    for (let columnBlock = 0; columnBlock < columns; columnBlock += COLUMN_BLOCK) {
      const columnEnd = min(columns, columnBlock + COLUMN_BLOCK);
      for (let row = 0; row < rows; row += TILE_ROWS) {
        const tileRows = min(TILE_ROWS, rows - row);
        // Rows beyond the edge repeat the first one.
        const a0 = a + <usize>row * aRow + <usize>k * aColumn;
        const a1 = tileRows > 1 ? a0 + aRow : a0;
        const a2 = tileRows > 2 ? a1 + aRow : a0;
        const a3 = tileRows > 3 ? a2 + aRow : a0;
        let panel = packed + <usize>columnBlock / TILE_COLUMNS * panelBytes;
        for (let column = columnBlock; column < columnEnd; column += TILE_COLUMNS) {
          const to = c + <usize>row * cRow + (<usize>column << 2);
          const first = from ? from + <usize>row * fromRow + (<usize>column << 2) : 0;
          const tileColumns = min(TILE_COLUMNS, columns - column);
          if (tileRows == TILE_ROWS && tileColumns == TILE_COLUMNS) {
            tile(blockDepth, a0, a1, a2, a3, aColumn, panel, first, fromRow, to, cRow, least);
          } else {
            if (first) copyTile(tileRows, tileColumns, first, fromRow, workspace, PANEL_STEP);
            tile(blockDepth, a0, a1, a2, a3, aColumn, panel, first ? workspace : 0, PANEL_STEP, workspace, PANEL_STEP, least);
            copyTile(tileRows, tileColumns, workspace, PANEL_STEP, to, cRow);
          }
          panel += panelBytes;
        }
      }
    }
    packed += panels(columns) * panelBytes;
    k += DEPTH_BLOCK;
  } while (k < depth);
}

/** A part of a tile, element by element. */
function copyTile(rows: i32, columns: i32, source: usize, sourceRow: usize, target: usize, targetRow: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let column: usize = 0; column < <usize>columns; column++) {
      store<f32>(target + (column << 2), load<f32>(source + (column << 2)));
    }
    source += sourceRow;
    target += targetRow;
  }
}

/** A tile of 4 x 8 sums over one depth block: C = max(least, start + A panel), A's rows at a0 to a3. */
function tile(
  depth: i32, a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, panel: usize,
  start: usize, startRow: usize, c: usize, cRow: usize, least: v128,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  if (start) {
    c00 = v128.load(start);
    c01 = v128.load(start, 16);
    start += startRow;
    c10 = v128.load(start);
    c11 = v128.load(start, 16);
    start += startRow;
    c20 = v128.load(start);
    c21 = v128.load(start, 16);
    start += startRow;
    c30 = v128.load(start);
    c31 = v128.load(start, 16);
  }
  const end = panel + <usize>depth * PANEL_STEP;
  while (panel < end) {
    const b0 = v128.load(panel), b1 = v128.load(panel, 16);
    let x = v128.load32_splat(a0);
    c00 = multiplyAdd(x, b0, c00);
    c01 = multiplyAdd(x, b1, c01);
    x = v128.load32_splat(a1);
    c10 = multiplyAdd(x, b0, c10);
    c11 = multiplyAdd(x, b1, c11);
    x = v128.load32_splat(a2);
    c20 = multiplyAdd(x, b0, c20);
    c21 = multiplyAdd(x, b1, c21);
    x = v128.load32_splat(a3);
    c30 = multiplyAdd(x, b0, c30);
    c31 = multiplyAdd(x, b1, c31);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    panel += PANEL_STEP;
  }
  v128.store(c, atLeast(c00, least));
  v128.store(c, atLeast(c01, least), 16);
  c += cRow;
  v128.store(c, atLeast(c10, least));
  v128.store(c, atLeast(c11, least), 16);
  c += cRow;
  v128.store(c, atLeast(c20, least));
  v128.store(c, atLeast(c21, least), 16);
  c += cRow;
  v128.store(c, atLeast(c30, least));
  v128.store(c, atLeast(c31, least), 16);
}

/** max(least, x) that passes NaN on: a broken number must show in the losses. */
@inline
function atLeast(x: v128, least: v128): v128 {
  return f32x4.pmax(x, least);
}
